import { type Loop, startLeaderLoop } from '../../lib/loop.ts';
import type { HandoverDeps } from '../deps.ts';
import { laneOf } from './lane.ts';
import { sweep } from './sweep.ts';

/** Deliveries that come due by time are noticed this late at most; new reminders wake the loops. */
const POLL_MS = 1_000;

/** Starts a delivery loop per channel, each led by one process of the installation. */
export function startDelivery(deps: HandoverDeps): Loop[] {
  return deps.channels.map((channel) => {
    const lane = laneOf(deps, channel);
    const name = `handover-delivery:${channel.name}`;
    return startLeaderLoop(deps.db, name, {
      name,
      everyMs: POLL_MS,
      logger: deps.logger,
      run: (signal) => lane.run(signal),
    });
  });
}

/** Starts the loop that removes what is past its retention. */
export function startSweep(deps: HandoverDeps): Loop {
  const name = 'handover-sweep';
  const everyMs = deps.config.cleanupIntervalSeconds * 1_000;
  return startLeaderLoop(deps.db, name, { name, everyMs, logger: deps.logger, run: () => sweep(deps) });
}
