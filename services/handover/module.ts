import { HandoverService } from '../../gen/autosession/handover/v1/handover_service_pb.js';
import type { Loop } from '../lib/loop.ts';
import type { Module } from '../lib/module.ts';
import { configuredChannels } from './channels/configured.ts';
import { startDelivery, startSweep } from './delivery/loops.ts';
import type { HandoverDeps } from './deps.ts';
import { handlers } from './events.ts';
import { handoverRoutes } from './routes.ts';
import { handoverMigrations } from './store/migrations.ts';

/** Who had the word when and why, who was told, and the audit. */
export const handoverModule: Module = {
  name: 'handover',
  provides: [HandoverService],
  uses: [],
  migrations: handoverMigrations,
  start: async (processDeps) => {
    const loops = new AsyncDisposableStack();
    let delivery: Loop[] = [];
    const deps: HandoverDeps = {
      ...processDeps,
      channels: configuredChannels(processDeps.config.webhooks, {
        ...processDeps,
        timezone: processDeps.config.timezone,
      }),
      wakeDelivery: () => {
        for (const loop of delivery) loop.wake();
      },
    };
    return {
      routes: handoverRoutes(deps),
      consumes: handlers(deps),
      begin: () => {
        delivery = startDelivery(deps);
        for (const loop of [...delivery, startSweep(deps)]) loops.use(loop);
      },
      [Symbol.asyncDispose]: () => loops.disposeAsync(),
    };
  },
};
