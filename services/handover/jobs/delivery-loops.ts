import { type Loop, startLeaderLoop } from '../../lib/runtime/loop.ts';
import { createDeliveryWorker } from '../delivery/create-delivery-worker.ts';
import type { HandoverDeps } from '../deps.ts';

/** The longest delay of a delivery that becomes due by time; new reminders trigger the loops. */
const POLL_MS = 1_000;

/** Starts a delivery loop per channel, each led by one process of the installation. */
export function startDeliveryLoops(deps: HandoverDeps): Loop[] {
  return deps.channels.map((channel) => {
    const worker = createDeliveryWorker(deps, channel);
    const name = `handover-delivery:${channel.name}`;
    return startLeaderLoop(deps.db, name, {
      name,
      intervalMs: POLL_MS,
      logger: deps.logger,
      run: (signal) => worker.run(signal),
    });
  });
}
