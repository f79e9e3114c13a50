import { expect, it } from 'vitest';
import { handoverModule } from '../../../services/handover/module.ts';
import { createMetrics } from '../../../services/lib/observability/metrics.ts';
import type { ServiceClients } from '../../../services/lib/rpc/service-clients.ts';
import type { Deps } from '../../../services/lib/runtime/module.ts';
import { runInBackgroundContext, systemContext } from '../../../services/lib/runtime/request-context.ts';
import { eventually } from '../../support/eventually.ts';
import { EventScript } from '../../support/handover/event-script.ts';
import { START, startHandoverHarness } from '../../support/handover/handover-harness.ts';
import { WebhookReceiver } from '../../support/handover/webhook-receiver.ts';

it('delivers the reminders of its consumers over the configured channels until it is disposed', async () => {
  await using receiver = await WebhookReceiver.start();
  const webhooks = JSON.stringify([{ url: receiver.url, secret: 'secret' }]);
  await using service = await startHandoverHarness('SQLite', undefined, { AUTOSESSION_WEBHOOKS: webhooks });
  const noServices = { get: () => service.deps.sessions } as unknown as ServiceClients;
  {
    await using module = await handoverModule.start(
      { ...service.deps, metrics: createMetrics(false) } as unknown as Deps,
      noServices,
    );
    module.onReady?.();
    const story = new EventScript('ses_1', START).open('pending');
    await runInBackgroundContext(systemContext('default', 'test'), () =>
      module.eventHandlers?.sessionCreated?.(story.last),
    );
    await eventually(async () => expect(await service.rows('reminders')).toMatchObject([{ state: 'delivered' }]));
  }
  expect(receiver.accepted).toHaveLength(1);
  expect(service.logLines).toContainEqual(expect.objectContaining({ event: 'reminder', reason: 'handover_waiting' }));
});
