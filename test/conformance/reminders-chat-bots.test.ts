import { describe, expect, it } from 'vitest';
import { chatBotChannel } from '../../services/handover/channels/chat-bots/chat-bot-channel.ts';
import { MAX_REFUSALS } from '../../services/handover/domain/retry.ts';
import { startDeliveryLoops } from '../../services/handover/jobs/delivery-loops.ts';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { eventually } from '../support/eventually.ts';
import {
  acceptedSessionIds,
  type ChatBotKind,
  chatBotAt,
  chatBotKinds,
  sessionIdsIn,
  vendorResponse,
} from '../support/handover/chat-bots.ts';
import { EventScript } from '../support/handover/event-script.ts';
import { databases, type HandoverHarness, START, startHandoverHarness } from '../support/handover/handover-harness.ts';
import { WebhookReceiver, type WebhookResponse } from '../support/handover/webhook-receiver.ts';

const MINUTE_MS = 60_000;

describe.each(databases)('reminders through chat bots on %s', (database) => {
  const start = (...robots: readonly { at: WebhookReceiver; kind: ChatBotKind; timeoutMs?: number }[]) =>
    startHandoverHarness(database, ({ clock }) =>
      robots.map(({ at, kind, timeoutMs = 1_000 }, index) =>
        chatBotChannel(`${kind}:${index}`, chatBotAt(at, kind), { clock, timezone: 'Asia/Shanghai', timeoutMs }),
      ),
    );
  const willing = (kind: ChatBotKind) => WebhookReceiver.start(() => vendorResponse(kind, 0));
  const waiting = (session: string) => new EventScript(session, START).open('pending').events;
  const names = (count: number, from = 1) => Array.from({ length: count }, (_, n) => `ses_${n + from}`);
  const states = async (service: HandoverHarness) => (await service.rows('reminders')).map(({ state }) => state);
  const raise = async (service: HandoverHarness, sessions: readonly string[]) => {
    for (const session of sessions) await service.handle(waiting(session));
  };

  it.each(chatBotKinds)(
    'lose nothing and say nothing twice, whatever %s does, goes away and comes back',
    async (kind) => {
      await using receiver = await willing(kind);
      await using service = await start({ at: receiver, kind });
      const busy: WebhookResponse = { status: 429, headers: { 'retry-after': '7' } };
      const limited = vendorResponse(kind, { wecom: 45009, dingtalk: 130101, feishu: 11232 }[kind]);
      receiver.respondWith(
        500,
        'silence',
        busy,
        limited,
        'drop',
        { status: 200, body: '<html>' },
        vendorResponse(kind, 77),
        503,
      );
      const round = async () => {
        await service.deliverDue();
        service.clock.advance(11 * MINUTE_MS);
      };
      for (const session of names(8)) {
        await service.handle(waiting(session));
        await round();
      }
      await receiver.close();
      await raise(service, names(4, 9));
      await round();
      expect(await states(service)).toContain('pending');
      await receiver.listen();
      for (let n = 0; n < 12; n++) await round();
      expect(await states(service)).toEqual(Array(12).fill('delivered'));
      expect(acceptedSessionIds(receiver).toSorted()).toEqual(names(12).toSorted());
    },
  );

  it('keep the interval over a burst, a restart and two processes that both believe to lead', async () => {
    await using receiver = await willing('dingtalk');
    await using service = await start({ at: receiver, kind: 'dingtalk' });
    await raise(service, names(120));
    const sent: number[] = [];
    let processes = [service.withDeps(service.deps), service.withDeps(service.deps)];
    for (let tick = 0; tick < 20; tick++) {
      const before = receiver.requests.length;
      await Promise.all(processes.map((process) => process.deliverDue()));
      sent.push(...Array(receiver.requests.length - before).fill(tick * 500));
      if (tick === 9) processes = [service.withDeps(service.deps), service.withDeps(service.deps)];
      service.clock.advance(500);
    }
    expect(sent).toEqual([0, 3_500, 7_000]);
    expect(acceptedSessionIds(receiver)).toHaveLength(120);
    expect(new Set(acceptedSessionIds(receiver)).size).toBe(120);
    expect(await states(service)).toEqual(Array(120).fill('delivered'));
  });

  it('keep sending when the wall clock was set back, and keep the interval', async () => {
    await using receiver = await willing('dingtalk');
    await using service = await start({ at: receiver, kind: 'dingtalk' });
    await raise(service, ['ses_1']);
    await service.deliverDue();
    service.clock.set(-10 * MINUTE_MS);
    await raise(service, ['ses_2']);
    await service.deliverDue();
    expect(acceptedSessionIds(receiver)).toEqual(['ses_1']);
    service.clock.advance(4_000);
    await service.deliverDue();
    expect(acceptedSessionIds(receiver)).toEqual(['ses_1', 'ses_2']);
  });

  it('send the most severe first, of these the oldest, and the rest in the next message', async () => {
    await using receiver = await willing('wecom');
    await using service = await start({ at: receiver, kind: 'wecom' });
    const written = (session: string) =>
      new EventScript(session, START - 1_000).open().command('pause').messages(1).events;
    for (const session of names(40)) await service.handle(written(session));
    service.clock.advance(5_000);
    await service.handle(new EventScript('ses_42', START + 1_000).open('pending').events);
    await raise(service, ['ses_41']);
    await service.deliverDue();
    service.clock.advance(3_500);
    await service.deliverDue();
    expect(receiver.requests).toHaveLength(2);
    expect(acceptedSessionIds(receiver)).toEqual(['ses_41', 'ses_42', ...names(40)]);
  });

  it('never put reminders of two tenants into one message', async () => {
    await using receiver = await willing('feishu');
    await using service = await start({ at: receiver, kind: 'feishu' });
    await service.handle(waiting('ses_1'));
    await service.handle(waiting('ses_2'), 'acme');
    await service.handle(waiting('ses_3'));
    await service.deliverDue();
    service.clock.advance(700);
    await service.deliverDue();
    expect(receiver.requests.map(sessionIdsIn)).toEqual([['ses_1', 'ses_3'], ['ses_2']]);
    expect(receiver.requests.map(({ body }) => body.includes('租户 acme'))).toEqual([false, true]);
  });

  it('end as failed when the bot keeps refusing, with a log line, and are sent through the others', async () => {
    await using refusing = await WebhookReceiver.start(() => vendorResponse('dingtalk', 310000));
    await using receiver = await willing('feishu');
    await using service = await start({ at: refusing, kind: 'dingtalk' }, { at: receiver, kind: 'feishu' });
    await raise(service, names(3));
    for (let n = 0; n < 20; n++) {
      await service.deliverDue();
      service.clock.advance(MINUTE_MS);
    }
    expect(refusing.requests).toHaveLength(MAX_REFUSALS);
    expect(acceptedSessionIds(receiver)).toEqual(names(3));
    const error = 'HTTP 200, code 310000 (misconfigured)';
    expect(await service.rows('reminders')).toMatchObject(Array(3).fill({ state: 'failed', last_error: error }));
    const ends = service.logLines.filter(
      ({ event, status }) => event === 'reminder_not_delivered' && status === 'failed',
    );
    expect(ends).toMatchObject(names(3).map((session_id) => ({ session_id, reason: `dingtalk:0: ${error}` })));
  });

  it.each([
    ['of a known code', 40058, 'failed'],
    ['of an unknown code', 999999, 'pending'],
  ])('are sent when one of them is refused for its content, by an answer %s', async (_, code, state) => {
    await using receiver = await WebhookReceiver.start((body) =>
      vendorResponse('wecom', body.includes('ses_3 ') ? code : 0),
    );
    await using service = await start({ at: receiver, kind: 'wecom' });
    await raise(service, names(5));
    for (let n = 0; n < 12; n++) {
      await service.deliverDue();
      service.clock.advance(4_000);
    }
    expect(acceptedSessionIds(receiver)).toEqual(['ses_1', 'ses_2', 'ses_4', 'ses_5']);
    const rows = await service.rows('reminders');
    expect(rows.map((row) => row.state)).toEqual(['delivered', 'delivered', state, 'delivered', 'delivered']);
  });

  it('do not call a bot that is over its limit, also after a restart', async () => {
    await using receiver = await willing('dingtalk');
    await using service = await start({ at: receiver, kind: 'dingtalk' });
    receiver.respondWith(vendorResponse('dingtalk', 130101));
    await service.handle(waiting('ses_1'));
    await service.deliverDue();
    await service.handle(waiting('ses_2'));
    service.clock.advance(10 * MINUTE_MS - 1);
    await service.withDeps(service.deps).deliverDue();
    expect(receiver.requests).toHaveLength(1);
    service.clock.advance(1);
    await service.withDeps(service.deps).deliverDue();
    expect(acceptedSessionIds(receiver)).toEqual(['ses_1', 'ses_2']);
  });

  it('are sent through one bot while another one hangs', async () => {
    await using hanging = await WebhookReceiver.start(() => 'silence');
    await using receiver = await willing('feishu');
    await using service = await start(
      { at: hanging, kind: 'wecom', timeoutMs: MINUTE_MS },
      { at: receiver, kind: 'feishu' },
    );
    await raise(service, names(2));
    await using loops = new AsyncDisposableStack();
    for (const loop of startDeliveryLoops(service.deps)) loops.use(loop);
    await eventually(() => expect([hanging.requests.length, acceptedSessionIds(receiver)]).toEqual([1, names(2)]));
    expect(await states(service)).toEqual(['pending', 'pending']);
  });

  it.each([
    ['again when the process ends between the yes and the note of it', 'reminders.before-note', 2],
    ['once when it ends after the note', 'reminders.after-note', 1],
    ['once when it ends before the first of them is settled', 'db.before-commit:handover.settle-delivery', 1],
  ])('are said %s', async (_, failpoint, times) => {
    await using receiver = await willing('wecom');
    await using service = await start({ at: receiver, kind: 'wecom' });
    await raise(service, names(3));
    {
      using _failure = armFailpoint(failpoint, () => {
        throw new Error('the process ends here');
      });
      await expect(service.deliverDue()).rejects.toThrow('the process ends here');
    }
    service.clock.advance(30_000);
    await service.withDeps(service.deps).deliverDue();
    expect(acceptedSessionIds(receiver)).toEqual(Array(times).fill(names(3)).flat());
    expect(await states(service)).toEqual(Array(3).fill('delivered'));
  });

  it('show no key and no secret in logs, rows and metrics', async () => {
    await using receiver = await willing('dingtalk');
    await using service = await startHandoverHarness(database, ({ clock }) =>
      chatBotKinds.map((kind) =>
        chatBotChannel(`${kind}:1`, chatBotAt(receiver, kind, { secret: 'the-robots-secret' }), {
          clock,
          timezone: 'UTC',
        }),
      ),
    );
    receiver.respondWith(404, 404, 404);
    await service.handle(waiting('ses_1'));
    await service.deliverDue();
    await receiver.close();
    service.clock.advance(MINUTE_MS);
    await service.deliverDue();
    expect(receiver.requests.map(({ url, body }) => url + body).join()).toContain('the-robots-key');
    const rows = await Promise.all(
      ['reminders', 'reminder_deliveries', 'channel_paces'].map((t) => service.rows(t as 'reminders')),
    );
    const told = JSON.stringify([service.logLines, rows, await service.deps.metrics.registry.metrics()]);
    expect(told).toContain('network: ECONNREFUSED');
    for (const secret of ['the-robots-key', 'the-robots-secret', '127.0.0.1']) expect(told).not.toContain(secret);
  });
});
