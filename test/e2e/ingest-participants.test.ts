import fc from 'fast-check';
import { expect, it } from 'vitest';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { unique } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';

/** Elements with ids of their own, as a receiver without times uploads them. */
const say = (...lines: [nick: string, content: string, at?: number][]) =>
  lines.map(([nick, content, at]) => ({
    id: `m-${unique()}`,
    nick,
    content,
    ...(at === undefined ? {} : { time: new Date(at).toISOString() }),
  }));

const anyName = fc.oneof(fc.constantFrom('a', 'A', 't-a', '甲', 'ａ', 'é', '😀', '店铺', "'", '%', ' x '), fc.string());
const anyElement = fc.oneof(
  fc.jsonValue(),
  fc.record(
    {
      id: fc.oneof(anyName, fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(null)),
      nick: anyName,
      content: fc.oneof(anyName, fc.string({ unit: 'binary', maxLength: 2_000 })),
      time: fc.oneof(
        fc.constantFrom(
          '',
          null,
          0,
          '2025-06-11 14:41:58',
          '2025-07-18T10:00:00',
          '9999-12-31T23:59:59Z',
          '1969-01-01 00:00:00',
        ),
        fc.integer(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.string(),
      ),
      type: fc.oneof(anyName, fc.boolean()),
    },
    { requiredKeys: [] },
  ),
);

onEveryBackend('the sender roles in a batch', (system) => {
  const ingest = (body: Record<string, unknown>) => system().rest.ok(system().rest.post('/api/messages/batch', body));

  it('attributes the shop’s answer with the bot’s text to the shop, in any order of ids', async () => {
    const { create, claimAndFetch } = flowSteps(system());
    const { body } = await create({ send_content: '您好' });
    await claimAndFetch(body.account_id);
    const at = system().clock.now();
    const messages = say([body.account_id, '您好', at], ['小二', '您好', at]).map((said, i) => ({
      ...said,
      id: `${i === 0 ? 'z' : 'a'}${said.id}`,
    }));
    const batch = await ingest({ shop_name: body.shop_name, messages });
    expect(batch).toMatchObject({ status: 'bot_active', state: 'active' });
    const listed = await system().rest.ok(system().rest.get(`/api/sessions/${batch.active_session_id}/messages`));
    expect(listed.messages.map((m: { role: string }) => m.role)).toEqual(['account', 'shop']);
    const more = await ingest({ shop_name: body.shop_name, messages: say(['小二', '有什么可以帮您', at]) });
    expect(more).toMatchObject({ status: 'bot_active' });
  });

  it('does not attribute the shop’s text, uploaded before the bot’s own, to the bot', async () => {
    const { create, claimAndFetch } = flowSteps(system());
    const { body } = await create({ send_content: '您好' });
    const before = say([body.account_id, '旧话', system().clock.now() - 86_400_000]);
    await ingest({ shop_name: body.shop_name, messages: before });
    await claimAndFetch(body.account_id);
    const at = system().clock.now();
    const shop = say(['小二', '您好', at]);
    await ingest({ shop_name: body.shop_name, messages: [...before, ...shop] });
    const bot = say([body.account_id, '您好', at + 500]);
    const batch = await ingest({ shop_name: body.shop_name, messages: [...before, ...shop, ...bot] });
    expect(batch).toMatchObject({ status: 'bot_active', state: 'active' });
  });

  it('attributes messages of a shop whose name looks like an account’s nick to the shop', async () => {
    const { create, claimAndFetch } = flowSteps(system());
    const shopName = `t-恤专卖店${unique()}`;
    const { body } = await create({ shop_name: shopName });
    const sent = await claimAndFetch(body.account_id);
    const at = system().clock.now();
    const messages = say([body.account_id, sent.content, at], [shopName, '您好', at], [`${shopName}:小美`, '在的', at]);
    expect(await ingest({ shop_name: shopName, messages })).toMatchObject({ status: 'bot_active', state: 'active' });
    const only = say([shopName, '还在吗', at], [`${shopName}:小美`, '亲', at]);
    expect(await ingest({ shop_name: shopName, messages: only })).toMatchObject({
      status: 'bot_active',
      active_session_id: sent.sessionId,
    });
  });

  it('does not touch an anonymous session of the shop when another account writes there', async () => {
    const shop_name = `店铺${unique()}`;
    const at = system().clock.now();
    const anonymous = say(['某人', '我要退货', at], [shop_name, '好的', at]);
    const first = await ingest({ platform: 'other', shop_name, messages: anonymous });
    expect(first.session_operations).toEqual(expect.arrayContaining(['created', 'account_unresolved']));
    const account_id = `acc-${unique()}`;
    const other = await ingest({
      platform: 'other',
      shop_name,
      account_id,
      messages: say([account_id, '你好', at], [shop_name, '欢迎', at]),
    });
    expect(other.active_session_id).not.toBe(first.active_session_id);
    const again = await ingest({
      platform: 'other',
      shop_name,
      messages: [...anonymous, ...say([shop_name, '请寄回', at])],
    });
    expect(again.active_session_id).toBe(first.active_session_id);
  });

  it('assigns the anonymous session to the account once that is known', async () => {
    const shop_name = `店铺${unique()}`;
    const at = system().clock.now();
    const messages = say(['某人', '我要退货', at], [shop_name, '好的', at]);
    const first = await ingest({ platform: 'other', shop_name, messages });
    const account_id = `acc-${unique()}`;
    const claimed = await ingest({ platform: 'other', shop_name, account_id, messages });
    expect(claimed).toMatchObject({ active_session_id: first.active_session_id, processed_messages: 0 });
    const next = await ingest({
      platform: 'other',
      shop_name,
      account_id,
      messages: [...messages, ...say([shop_name, '请寄回', at])],
    });
    expect(next).toMatchObject({ active_session_id: first.active_session_id, processed_messages: 1 });
    const open = await system().rest.ok(
      system().rest.get(
        `/api/sessions/open?platform=other&account_id=${account_id}&shop_name=${encodeURIComponent(shop_name)}`,
      ),
    );
    expect(open).toMatchObject({ has_active_session: true, session_id: first.active_session_id });
    expect(await flowSteps(system()).status(first.active_session_id)).toMatchObject({ account_id });
  });

  it.each([
    'db.after-commit:adopt-conversation',
    'db.before-commit:session-apply-messages',
    'answered:SessionService/ApplyMessages',
    'db.before-commit:finalize-messages',
  ])('gives it to the account by a repeat when the first try broke off at %s', async (place) => {
    const shop_name = `店铺${unique()}`;
    const messages = say(['某人', '我要退货', system().clock.now()]);
    const first = await ingest({ platform: 'other', shop_name, messages });
    const body = { platform: 'other', shop_name, account_id: `acc-${unique()}`, messages };
    {
      using _ = armFailpoint(place, () => {
        throw new Error('broken off');
      });
      expect((await system().rest.post('/api/messages/batch', body)).body.success).toBe(false);
    }
    expect(await ingest(body)).toMatchObject({ active_session_id: first.active_session_id });
    const query = `platform=other&account_id=${body.account_id}&shop_name=${encodeURIComponent(shop_name)}`;
    const open = await system().rest.ok(system().rest.get(`/api/sessions/open?${query}`));
    expect(open).toMatchObject({ has_active_session: true, session_id: first.active_session_id });
    expect(await flowSteps(system()).status(first.active_session_id)).toMatchObject({ account_id: body.account_id });
  });

  it('merges the account’s bot session into the anonymous one with a human in control, once the account is known', async () => {
    const { create, takeOver, status, release } = flowSteps(system());
    const first = await create({ platform: 'other' });
    const { shop_name } = first.body;
    await create({ platform: 'other', shop_name, shop_id: first.body.shop_id });
    const messages = say(['某人', '我要退货', system().clock.now()]);
    const anonymous = await ingest({ platform: 'other', shop_name, messages });
    expect(anonymous.session_operations).toEqual(expect.arrayContaining(['created', 'account_unresolved']));
    const held = anonymous.active_session_id;
    await system().rest.ok(takeOver(held));
    const found = await ingest({ platform: 'other', shop_name, account_id: first.body.account_id, messages });
    expect(found).toMatchObject({ active_session_id: held, status: 'manual_live', processed_messages: 0 });
    expect(await status(first.data.session_id)).toMatchObject({ session_state: 'cancelled', task_status: 'cancelled' });
    expect(await status(held)).toMatchObject({ account_id: first.body.account_id, message_count: 1 });
    await system().rest.ok(release(held));
    const next = await ingest({
      platform: 'other',
      shop_name,
      account_id: first.body.account_id,
      messages: [...messages, ...say([shop_name, '好的', system().clock.now()])],
    });
    expect(next).toMatchObject({ active_session_id: held, status: 'bot_active', processed_messages: 1 });
  });

  it('answers any elements with one verdict each, and never with 500', { timeout: 60_000 }, async () => {
    const shop_name = `店铺${unique()}`;
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyElement, { minLength: 1, maxLength: 30 }),
        fc.record({ account_id: fc.option(anyName), shop_id: fc.option(anyName), platform: fc.option(anyName) }),
        async (messages, over) => {
          const answer = await system().rest.post('/api/messages/batch', { shop_name, ...over, messages });
          expect([200, 400], JSON.stringify(answer.body)).toContain(answer.status);
          if (answer.status !== 200) return;
          expect(answer.data.messages).toHaveLength(messages.length);
          expect(answer.data.processed_messages + answer.data.skipped_messages).toBe(messages.length);
          const again = await ingest({ shop_name, ...over, messages });
          expect(again.processed_messages).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is one shop under one name and three ids', async () => {
    const { sentSession } = flowSteps(system());
    const { body, window, sessionId } = await sentSession();
    for (const shop_id of ['', `x-${unique()}`, `y-${unique()}`])
      expect(
        await ingest({
          ...window.batch(),
          shop_id,
          messages: [...window.messages, ...say([body.shop_name, `来自 ${shop_id}`])],
        }),
      ).toMatchObject({ active_session_id: sessionId, status: 'bot_active', processed_messages: 1 });
  });
});
