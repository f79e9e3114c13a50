import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ReminderChannel } from '../../services/handover/channels/channel.ts';
import { configuredChannels } from '../../services/handover/channels/configured-channels.ts';
import { webhookChannel } from '../../services/handover/channels/webhook-channel.ts';
import { MAX_REFUSALS } from '../../services/handover/domain/retry.ts';
import { startDeliveryLoops } from '../../services/handover/jobs/delivery-loops.ts';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { eventually } from '../support/eventually.ts';
import { EventScript } from '../support/handover/event-script.ts';
import { databases, type HandoverHarness, START, startHandoverHarness } from '../support/handover/handover-harness.ts';
import { WebhookReceiver } from '../support/handover/webhook-receiver.ts';

const SECRET = 'a secret of the receiver';

describe.each(databases)('delivery of reminders on %s', (database) => {
  const start = (receiver: WebhookReceiver, timeoutMs = 2_000, others: readonly ReminderChannel[] = []) =>
    startHandoverHarness(database, ({ clock }) => [
      webhookChannel('webhook:receiver', { url: receiver.url, secret: SECRET }, { clock, timeoutMs }),
      ...others,
    ]);
  const waiting = (session: string) => new EventScript(session, START).open('pending').events;
  const endsAt = (failpoint: string) =>
    armFailpoint(failpoint, () => {
      throw new Error('the process ends here');
    });
  const states = async (service: HandoverHarness) => (await service.rows('reminders')).map(({ state }) => state);

  it('signs what it posts and names the delivery', async () => {
    await using receiver = await WebhookReceiver.start();
    await using service = await start(receiver);
    await service.handle(waiting('ses_1'));
    await service.deliverDue();
    const { headers, body } = receiver.requests[0]!;
    const timestamp = headers['x-autosession-timestamp'];
    expect(timestamp).toBe(String(START / 1_000));
    const expected = createHmac('sha256', SECRET).update(`${timestamp}.${body}`).digest('hex');
    expect(headers['x-autosession-signature']).toBe(`sha256=${expected}`);
    const [row] = await service.rows('reminders');
    expect(headers['x-autosession-delivery']).toBe(row?.reminder_id);
    expect(JSON.parse(body)).toEqual({
      type: 'reminder',
      tenant: 'default',
      reminder_id: row?.reminder_id,
      kind: 'handover_waiting',
      severity: 'high',
      text: '店铺「测试店铺」（账号 acc-1）：会话等待人工接管',
      count: 1,
      session_id: 'ses_1',
      session_name: 'ses_1',
      owner_epoch: 1,
      account_id: 'acc-1',
      shop_name: '测试店铺',
      created_at: '2026-01-05T08:00:00.000Z',
    });
    expect(row).toMatchObject({ state: 'delivered', attempts: 1, last_error: '' });
  });

  it('delivers everything once when the receiver fails, hangs, is busy, disconnects and reconnects', async () => {
    await using receiver = await WebhookReceiver.start();
    await using service = await start(receiver, 1_000);
    receiver.respondWith(500, 503, 'silence', { status: 429, headers: { 'retry-after': '7' } }, 502);
    const expected: string[] = [];
    const round = async () => {
      await service.deliverDue();
      service.clock.advance(5 * 60_000);
    };
    for (let n = 1; n <= 10; n++) {
      await service.handle(waiting(`ses_${n}`));
      await round();
    }
    await receiver.close();
    for (let n = 11; n <= 20; n++) await service.handle(waiting(`ses_${n}`));
    await round();
    expect((await states(service)).filter((state) => state === 'pending').length).toBeGreaterThanOrEqual(10);
    await receiver.listen();
    for (let n = 0; n < 10; n++) await round();
    expect(await states(service)).toEqual(Array(20).fill('delivered'));
    for (const { reminder_id } of await service.rows('reminders')) expected.push(reminder_id);
    expect(receiver.accepted.toSorted()).toEqual(expected.toSorted());
  });

  it('waits for as long as the receiver asks', async () => {
    await using receiver = await WebhookReceiver.start();
    await using service = await start(receiver);
    receiver.respondWith({ status: 429, headers: { 'retry-after': '90' } });
    await service.handle(waiting('ses_1'));
    await service.deliverDue();
    await service.handle(waiting('ses_2'));
    service.clock.advance(89_000);
    await service.deliverDue();
    expect(receiver.requests).toHaveLength(1);
    service.clock.advance(1_000);
    await service.deliverDue();
    expect(receiver.accepted).toHaveLength(2);
  });

  it('waits longer after every failure', async () => {
    await using receiver = await WebhookReceiver.start();
    await using service = await start(receiver);
    receiver.respondWith(500, 500, 500);
    await service.handle(waiting('ses_1'));
    const tried: number[] = [];
    for (let second = 0; second <= 8; second++) {
      const before = receiver.requests.length;
      await service.deliverDue();
      if (receiver.requests.length > before) tried.push(second);
      service.clock.advance(1_000);
    }
    expect(tried).toEqual([0, 1, 3, 7]);
    expect(await service.rows('reminders')).toMatchObject([
      { state: 'delivered', attempts: 4, last_error: 'HTTP 500' },
    ]);
  });

  it('fails after a bounded number of attempts when the receiver keeps refusing', async () => {
    await using receiver = await WebhookReceiver.start();
    await using service = await start(receiver);
    receiver.respondWith(...Array(50).fill(404));
    await service.handle(waiting('ses_1'));
    for (let n = 0; n < 20; n++) {
      await service.deliverDue();
      service.clock.advance(5 * 60_000);
    }
    expect(receiver.requests).toHaveLength(MAX_REFUSALS);
    const { reminders } = await service.client().listReminders({});
    expect(reminders).toMatchObject([{ attempts: MAX_REFUSALS, lastError: 'HTTP 404' }]);
    expect(await states(service)).toEqual(['failed']);
  });

  it('does not follow a redirect', async () => {
    await using elsewhere = await WebhookReceiver.start();
    await using receiver = await WebhookReceiver.start();
    await using service = await start(receiver);
    receiver.respondWith({ status: 307, headers: { location: elsewhere.url } });
    await service.handle(waiting('ses_1'));
    await service.deliverDue();
    expect(elsewhere.requests).toEqual([]);
    expect(await states(service)).toEqual(['pending']);
  });

  it('is delivered when every channel has accepted it, and no channel waits for another', async () => {
    await using receiver = await WebhookReceiver.start();
    await using second = await WebhookReceiver.start();
    await using service = await startHandoverHarness(database, ({ clock }) => [
      webhookChannel('webhook:first', { url: receiver.url, secret: SECRET }, { clock }),
      webhookChannel('webhook:second', { url: second.url, secret: SECRET }, { clock }),
    ]);
    receiver.respondWith(500);
    await service.handle(waiting('ses_1'));
    await service.deliverDue();
    expect(second.accepted).toHaveLength(1);
    expect(await states(service)).toEqual(['pending']);
    service.clock.advance(1_000);
    await service.deliverDue();
    expect([receiver.accepted.length, second.accepted.length]).toEqual([1, 1]);
    expect(await states(service)).toEqual(['delivered']);
  });

  it('sends the same content in every attempt', async () => {
    await using receiver = await WebhookReceiver.start();
    await using service = await start(receiver);
    const story = new EventScript('ses_1', START).open().command('pause').messages(1);
    receiver.respondWith(500);
    await service.handle(story.events);
    service.clock.advance(3_000);
    await service.deliverDue();
    await service.handle([story.messages(4).last]);
    service.clock.advance(60_000);
    await service.deliverDue();
    const told = receiver.requests.map(({ body }) => JSON.parse(body) as { reminder_id: string; count: number });
    const first = told[0]?.reminder_id;
    // the second try of the one and the first of the other go out side by side
    expect(told.filter(({ reminder_id }) => reminder_id === first).map(({ count }) => count)).toEqual([1, 1]);
    expect(told.filter(({ reminder_id }) => reminder_id !== first).map(({ count }) => count)).toEqual([4]);
  });

  it('delivers again, with the same id, when it stops between the acceptance and its record', async () => {
    await using receiver = await WebhookReceiver.start();
    await using service = await start(receiver);
    await service.handle(waiting('ses_1'));
    {
      using _failure = endsAt('reminders.before-note');
      await expect(service.deliverDue()).rejects.toThrow('the process ends here');
    }
    const another = service.withDeps(service.deps);
    await another.deliverDue();
    expect(receiver.accepted).toHaveLength(1);
    service.clock.advance(30_000);
    await another.deliverDue();
    const [first, again] = receiver.accepted;
    expect(again).toBe(first);
    expect(await states(service)).toEqual(['delivered']);
  });

  it.each(['reminders.after-note', 'db.before-commit:handover.settle-delivery'])(
    'does not deliver again when the process ends at %s, and records the outcome that it had noted',
    async (failpoint) => {
      await using receiver = await WebhookReceiver.start();
      await using service = await start(receiver);
      await service.handle(waiting('ses_1'));
      {
        using _failure = endsAt(failpoint);
        await expect(service.deliverDue()).rejects.toThrow('the process ends here');
      }
      expect(await states(service)).toEqual(['pending']);
      service.clock.advance(30_000);
      await service.withDeps(service.deps).deliverDue();
      expect(receiver.accepted).toHaveLength(1);
      expect(await service.rows('reminders')).toMatchObject([{ state: 'delivered', attempts: 1 }]);
    },
  );

  it('records an acceptance later, and sends nothing again, when the database was unavailable at that moment', async () => {
    await using receiver = await WebhookReceiver.start();
    await using service = await start(receiver);
    await service.handle(waiting('ses_1'));
    {
      using _failure = endsAt('reminders.before-note');
      await expect(service.deliverDue()).rejects.toThrow('the process ends here');
    }
    service.clock.advance(30_000);
    await service.deliverDue();
    expect(await service.rows('reminder_deliveries')).toMatchObject([{ state: 'delivered' }]);
    expect(receiver.accepted).toHaveLength(1);
  });

  it('releases deliveries that the stop interrupts, and delivers them later', async () => {
    await using receiver = await WebhookReceiver.start();
    await using service = await start(receiver);
    receiver.respondWith('silence');
    await service.handle(waiting('ses_1'));
    const stop = new AbortController();
    const delivering = service.deliverDue(stop.signal);
    await eventually(() => expect(receiver.requests).toHaveLength(1));
    stop.abort();
    await delivering;
    expect(await service.rows('reminder_deliveries')).toMatchObject([{ state: 'pending', last_error: '' }]);
    await service.deliverDue();
    expect(await states(service)).toEqual(['delivered']);
  });

  it('is not delivered twice by two processes that both believe to lead', async () => {
    await using receiver = await WebhookReceiver.start();
    await using service = await start(receiver);
    for (let n = 1; n <= 12; n++) await service.handle(waiting(`ses_${n}`));
    await Promise.all([service.deliverDue(), service.deliverDue(), service.deliverDue()]);
    await service.deliverDue();
    expect(new Set(receiver.accepted).size).toBe(12);
    expect(receiver.accepted).toHaveLength(12);
  });

  it('shows no URLs and secrets in logs and errors', async () => {
    await using receiver = await WebhookReceiver.start();
    const url = `${receiver.url.replace('http://', 'http://hooks:passw0rd@')}?token=t0ken`;
    await using service = await startHandoverHarness(database, ({ clock }) => [
      webhookChannel('webhook:receiver', { url, secret: SECRET }, { clock }),
    ]);
    await receiver.close();
    await service.handle(waiting('ses_1'));
    await service.deliverDue();
    const told = JSON.stringify([service.logLines, await service.rows('reminders')]);
    expect(told).toContain('network: ECONNREFUSED');
    for (const secret of ['passw0rd', 't0ken', SECRET]) expect(told).not.toContain(secret);
    await receiver.listen();
    service.clock.advance(1_000);
    await service.deliverDue();
    expect(receiver.requests[0]?.headers.authorization).toBe(
      `Basic ${Buffer.from('hooks:passw0rd').toString('base64')}`,
    );
  });

  it('starts by itself when a reminder is raised, and writes it to the log too', async () => {
    await using receiver = await WebhookReceiver.start();
    await using service = await startHandoverHarness(database, ({ clock }) => [
      webhookChannel('webhook:receiver', { url: receiver.url, secret: SECRET }, { clock }),
    ]);
    const { deps } = service;
    const webhook = { kind: 'webhook', url: receiver.url, secret: SECRET } as const;
    const channels = configuredChannels([webhook], { ...deps, timezone: 'UTC' });
    const host = new URL(receiver.url).host;
    expect(channels.map(({ name }) => name)).toEqual(['log', expect.stringContaining(`webhook:${host}:`)]);
    const all = { ...deps, channels };
    await using loops = new AsyncDisposableStack();
    const running = startDeliveryLoops(all).map((loop) => loops.use(loop));
    const triggerDelivery = () => {
      for (const loop of running) loop.trigger();
    };
    await service.withDeps({ ...all, triggerDelivery }).handle(waiting('ses_1'));
    await eventually(async () => expect(await states(service)).toEqual(['delivered']));
    expect(receiver.accepted).toHaveLength(1);
    expect(service.logLines).toContainEqual(
      expect.objectContaining({
        event: 'reminder',
        session_id: 'ses_1',
        reason: 'handover_waiting',
        tenant: 'default',
      }),
    );
  });
});
