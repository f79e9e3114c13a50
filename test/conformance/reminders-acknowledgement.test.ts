import { describe, expect, it } from 'vitest';
import { HandoverState, ReminderState } from '../../gen/autosession/handover/v1/handover_pb.js';
import { chatBotChannel } from '../../services/handover/channels/chat-bots/chat-bot-channel.ts';
import { webhookChannel } from '../../services/handover/channels/webhook-channel.ts';
import { runHandoverPurge } from '../../services/handover/jobs/purge.ts';
import { errorInfo } from '../../services/lib/errors/app-error.ts';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { eventually } from '../support/eventually.ts';
import { acceptedSessionIds, chatBotAt, vendorResponse } from '../support/handover/chat-bots.ts';
import { EventScript } from '../support/handover/event-script.ts';
import { databases, type HandoverHarness, START, startHandoverHarness } from '../support/handover/handover-harness.ts';
import { WebhookReceiver } from '../support/handover/webhook-receiver.ts';

const MINUTE_MS = 60_000;

describe.each(databases)('the acknowledgement of a reminder on %s', (database) => {
  const start = (...receivers: readonly WebhookReceiver[]) =>
    startHandoverHarness(database, ({ clock }) =>
      receivers.map(({ url }, index) => webhookChannel(`webhook:${index}`, { url, secret: 's' }, { clock })),
    );
  const waiting = (session: string) => new EventScript(session, START).open('pending').events;
  const idOf = async (service: HandoverHarness, session: string) =>
    (await service.rows('reminders')).find((row) => row.session_id === session)!.reminder_id;
  const acknowledge = async (service: HandoverHarness, session: string, agentId = 'agent_01') =>
    (await service.client().acknowledgeReminder({ reminderId: await idOf(service, session), agentId })).reminder;
  const deliveryStates = async (service: HandoverHarness) =>
    (await service.rows('reminder_deliveries')).map(({ channel, state }) => `${channel} ${state}`).toSorted();

  it('cancels what waits for a first attempt or for the next one, and keeps what was delivered', async () => {
    await using taking = await WebhookReceiver.start();
    await using failing = await WebhookReceiver.start(() => 500);
    await using service = await start(taking, failing);
    await service.handle(waiting('ses_1'));
    await service.deliverDue();
    await service.handle(waiting('ses_2'));
    expect(await acknowledge(service, 'ses_1')).toMatchObject({ state: ReminderState.ACKNOWLEDGED });
    await acknowledge(service, 'ses_2');
    const requests = taking.requests.length + failing.requests.length;
    for (let n = 0; n < 5; n++) {
      service.clock.advance(5 * MINUTE_MS);
      await service.deliverDue();
    }
    expect(taking.requests.length + failing.requests.length).toBe(requests);
    expect(await deliveryStates(service)).toEqual([
      'webhook:0 cancelled',
      'webhook:0 delivered',
      'webhook:1 cancelled',
      'webhook:1 cancelled',
    ]);
    const { reminders } = await service.client().listReminders({ state: ReminderState.ACKNOWLEDGED });
    expect(reminders).toHaveLength(2);
    expect(reminders.map(({ deliveredAt }) => deliveredAt)).toEqual([undefined, undefined]);
  });

  it('is answered to every repeat as it was first, and audited once', async () => {
    await using receiver = await WebhookReceiver.start();
    await using service = await start(receiver);
    await service.handle(waiting('ses_1'));
    await service.deliverDue();
    const first = await acknowledge(service, 'ses_1');
    service.clock.advance(MINUTE_MS);
    expect(await acknowledge(service, 'ses_1', 'agent_02')).toEqual(first);
    expect(first).toMatchObject({ acknowledgedBy: 'agent_01', state: ReminderState.ACKNOWLEDGED });
    expect(first?.deliveredAt).toEqual(first?.acknowledgedAt);
    const { entries } = await service.client().listAuditEntries({ sessionId: 'ses_1', newestFirst: true });
    expect(entries.map(({ action }) => action)).toEqual(['acknowledge_reminder', 'open']);
    expect(entries[0]).toMatchObject({
      actor: 'agent_01',
      reason: 'handover_waiting',
      before: 'delivered',
      after: 'acknowledged',
      ownerEpoch: 0,
      reminderId: first?.reminderId,
    });
    expect(service.logLines).toContainEqual(
      expect.objectContaining({ event: 'reminder_acknowledged', session_id: 'ses_1', status: 'acknowledged' }),
    );
  });

  it('is of one agent when several acknowledge at once', async () => {
    await using receiver = await WebhookReceiver.start();
    await using service = await start(receiver);
    await service.handle(waiting('ses_1'));
    const agents = ['agent_01', 'agent_02', 'agent_03', 'agent_04'];
    const answers = await Promise.all(agents.map((agent) => acknowledge(service, 'ses_1', agent)));
    expect(new Set(answers.map((reminder) => reminder?.acknowledgedBy)).size).toBe(1);
    expect((await service.client().listAuditEntries({})).entries).toHaveLength(2);
  });

  it('names the caller when the request names no agent', async () => {
    await using receiver = await WebhookReceiver.start();
    await using service = await start(receiver);
    await service.handle(waiting('ses_1'));
    expect(await acknowledge(service, 'ses_1', '')).toMatchObject({ acknowledgedBy: 'system' });
  });

  it('is refused for an id that is unknown, or of another tenant', async () => {
    await using receiver = await WebhookReceiver.start();
    await using service = await start(receiver);
    await service.handle(waiting('ses_1'), 'acme');
    const reminderId = await idOf(service, 'ses_1');
    for (const id of [reminderId, 'rem_none']) {
      const error = await service
        .client()
        .acknowledgeReminder({ reminderId: id })
        .catch((thrown) => thrown);
      expect(errorInfo(error)?.metadata).toEqual({ reminder_id: id });
    }
    expect(await service.rows('reminders')).toMatchObject([{ acknowledged_at: null }]);
  });

  it('stops a delivery that a worker has claimed and not begun to send', async () => {
    await using receiver = await WebhookReceiver.start();
    await using service = await start(receiver);
    await service.handle(waiting('ses_1'));
    {
      using _pause = armFailpoint('reminders.after-claim', async () => void (await acknowledge(service, 'ses_1')));
      await service.deliverDue();
    }
    service.clock.advance(MINUTE_MS);
    await service.deliverDue();
    expect(receiver.requests).toEqual([]);
  });

  it('takes a reminder out of the message that a group robot is about to get', async () => {
    await using receiver = await WebhookReceiver.start(() => vendorResponse('wecom', 0));
    await using service = await startHandoverHarness(database, ({ clock }) => [
      chatBotChannel('wecom:0', chatBotAt(receiver, 'wecom'), { clock, timezone: 'Asia/Shanghai' }),
    ]);
    for (const session of ['ses_1', 'ses_2', 'ses_3']) await service.handle(waiting(session));
    {
      using _pause = armFailpoint('reminders.after-claim', async () => void (await acknowledge(service, 'ses_2')));
      await service.deliverDue();
    }
    service.clock.advance(MINUTE_MS);
    await service.deliverDue();
    expect(acceptedSessionIds(receiver)).toEqual(['ses_1', 'ses_3']);
    expect((await service.rows('reminders')).map(({ listed_state }) => listed_state).toSorted()).toEqual([
      'acknowledged',
      'delivered',
      'delivered',
    ]);
  });

  it('lets an attempt that is under way end, and makes no further one', async () => {
    await using receiver = await WebhookReceiver.start();
    await using service = await start(receiver);
    receiver.respondWith('silence');
    await service.handle(waiting('ses_1'));
    const delivering = service.deliverDue();
    await eventually(() => expect(receiver.requests).toHaveLength(1));
    const answer = await acknowledge(service, 'ses_1');
    await receiver.close();
    await delivering;
    await receiver.listen();
    service.clock.advance(5 * MINUTE_MS);
    await service.deliverDue();
    expect(receiver.requests).toHaveLength(1);
    expect((await service.client().listReminders({})).reminders).toEqual([answer]);
  });

  it('stays when the acceptance by a receiver is recorded after it', async () => {
    await using receiver = await WebhookReceiver.start();
    await using service = await start(receiver);
    await service.handle(waiting('ses_1'));
    {
      using _failure = armFailpoint('reminders.after-note', () => {
        throw new Error('the process ends here');
      });
      await expect(service.deliverDue()).rejects.toThrow('the process ends here');
    }
    expect((await acknowledge(service, 'ses_1'))?.deliveredAt).toBeUndefined();
    service.clock.advance(MINUTE_MS);
    await service.withDeps(service.deps).deliverDue();
    const { reminders } = await service.client().listReminders({});
    expect(reminders).toMatchObject([{ state: ReminderState.ACKNOWLEDGED, deliveredAt: expect.anything() }]);
    expect(receiver.accepted).toHaveLength(1);
  });

  it('does not hide messages that arrive in the same minute after it', async () => {
    await using receiver = await WebhookReceiver.start();
    await using service = await start(receiver);
    const story = new EventScript('ses_1', START).open().command('pause').messages(2);
    await service.handle(story.events);
    await acknowledge(service, 'ses_1');
    await service.handle([story.messages(3).last]);
    service.clock.advance(2 * MINUTE_MS);
    await service.deliverDue();
    expect(receiver.requests.map(({ body }) => JSON.parse(body).count)).toEqual([3]);
  });

  it('belongs to no handover: a later release ends the same one', async () => {
    await using receiver = await WebhookReceiver.start();
    await using service = await start(receiver);
    const story = new EventScript('ses_1', START).open('pending');
    await service.handle(story.events);
    await acknowledge(service, 'ses_1');
    await service.handle([story.command('take_over').last, story.command('release').last]);
    const { handovers } = await service.client().listHandovers({});
    expect(handovers).toMatchObject([{ ownerEpoch: 1, state: HandoverState.RETURNED }]);
  });

  it('lets the retention remove the reminder', async () => {
    await using receiver = await WebhookReceiver.start(() => 500);
    await using service = await start(receiver);
    await service.handle(waiting('ses_1'));
    await acknowledge(service, 'ses_1');
    service.clock.advance(1_000 * 86_400_000);
    await runHandoverPurge(service.deps);
    expect([await service.rows('reminders'), await service.rows('reminder_deliveries')]).toEqual([[], []]);
    expect(await service.rows('audit_entries')).toHaveLength(2);
  });
});
