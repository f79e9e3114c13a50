import { HandoverService } from '../../gen/autosession/handover/v1/handover_service_pb.js';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { loadEncryptionKeys } from '../lib/runtime/encryption-keys.ts';
import type { Loop } from '../lib/runtime/loop.ts';
import type { Module } from '../lib/runtime/module.ts';
import { startAuditChain } from './audit/audit-chain.ts';
import { configuredChannels } from './channels/configured-channels.ts';
import type { HandoverDeps } from './deps.ts';
import { deriveAuditKeys } from './domain/audit-chain.ts';
import { handoverEventHandlers } from './events/event-handlers.ts';
import { startDeliveryLoops } from './jobs/delivery-loops.ts';
import { startHandoverPurge } from './jobs/purge.ts';
import { addHandoverMetrics } from './metrics.ts';
import { handoverRoutes } from './routes.ts';
import { handoverMigrations } from './store/migrations.ts';

/** Records handovers between bot and human, sends reminders to people, and keeps the audit. */
export const handoverModule: Module = {
  name: 'handover',
  provides: [HandoverService],
  uses: [SessionService],
  migrations: handoverMigrations,
  start: async (processDeps, serviceClients) => {
    const loops = new AsyncDisposableStack();
    let delivery: Loop[] = [];
    const auditKeys = deriveAuditKeys(await loadEncryptionKeys(processDeps.config));
    const deps: HandoverDeps = {
      ...processDeps,
      metrics: addHandoverMetrics(processDeps.metrics),
      auditKeys,
      sessions: serviceClients.get(SessionService),
      channels: configuredChannels(processDeps.config.notificationChannels, {
        ...processDeps,
        timezone: processDeps.config.timezone,
      }),
      triggerDelivery: () => {
        for (const loop of delivery) loop.trigger();
      },
    };
    return {
      routes: handoverRoutes(deps),
      eventHandlers: handoverEventHandlers(deps),
      onReady: () => {
        delivery = startDeliveryLoops(deps);
        for (const loop of [...delivery, startAuditChain(deps), startHandoverPurge(deps)]) loops.use(loop);
      },
      [Symbol.asyncDispose]: () => loops.disposeAsync(),
    };
  },
};
