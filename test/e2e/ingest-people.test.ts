import { expect, it } from 'vitest';
import { onEveryBackend } from '../every-backend.ts';
import { unique } from '../make.ts';
import { steps } from '../steps.ts';

/** Elements with ids of their own, as a receiver without times uploads them. */
const say = (...lines: [nick: string, content: string, at?: number][]) =>
  lines.map(([nick, content, at]) => ({
    id: `m-${unique()}`,
    nick,
    content,
    ...(at === undefined ? {} : { time: new Date(at).toISOString() }),
  }));

onEveryBackend('who talks in a batch', (world) => {
  const ingest = (body: Record<string, unknown>) =>
    world().rest.ok(world().rest.post('/api/messages/batch', body));

  it('takes the shop’s answer in the bot’s own words for the shop’s, whichever id is smaller', async () => {
    const { create, claimAndFetch } = steps(world());
    const { body } = await create({ send_content: '您好' });
    await claimAndFetch(body.account_id);
    const at = world().clock.now();
    const [bot, shop] = say([body.account_id, '您好', at], ['小二', '您好', at]) as [{ id: string }, { id: string }];
    bot.id = `z${bot.id}`;
    shop.id = `a${shop.id}`;
    const batch = await ingest({ shop_name: body.shop_name, messages: [bot, shop] });
    expect(batch).toMatchObject({ status: 'bot_active', state: 'active' });
    const { messages } = await world().rest.ok(world().rest.get(`/api/sessions/${batch.active_session_id}/messages`));
    expect(messages.map((m: { role: string }) => m.role)).toEqual(['account', 'shop']);
    const more = await ingest({ shop_name: body.shop_name, messages: say(['小二', '有什么可以帮您', at]) });
    expect(more).toMatchObject({ status: 'bot_active' });
  });

  it('does not take the shop’s words, uploaded before the bot’s own, for the bot’s', async () => {
    const { create, claimAndFetch } = steps(world());
    const { body } = await create({ send_content: '您好' });
    const before = say([body.account_id, '旧话', world().clock.now() - 86_400_000]);
    await ingest({ shop_name: body.shop_name, messages: before });
    await claimAndFetch(body.account_id);
    const at = world().clock.now();
    const shop = say(['小二', '您好', at]);
    await ingest({ shop_name: body.shop_name, messages: [...before, ...shop] });
    const bot = say([body.account_id, '您好', at + 500]);
    const batch = await ingest({ shop_name: body.shop_name, messages: [...before, ...shop, ...bot] });
    expect(batch).toMatchObject({ status: 'bot_active', state: 'active' });
  });

  it('takes a shop whose name looks like an account’s nick for the shop', async () => {
    const { create, claimAndFetch } = steps(world());
    const shopName = `t-恤专卖店${unique()}`;
    const { body } = await create({ shop_name: shopName });
    const sent = await claimAndFetch(body.account_id);
    const at = world().clock.now();
    const messages = say([body.account_id, sent.content, at], [shopName, '您好', at], [`${shopName}:小美`, '在的', at]);
    expect(await ingest({ shop_name: shopName, messages })).toMatchObject({ status: 'bot_active', state: 'active' });
    const only = say([shopName, '还在吗', at], [`${shopName}:小美`, '亲', at]);
    expect(await ingest({ shop_name: shopName, messages: only })).toMatchObject({
      status: 'bot_active',
      active_session_id: sent.sessionId,
    });
  });

  it('leaves a stranger’s session of the shop alone when another account talks there', async () => {
    const shop_name = `店铺${unique()}`;
    const at = world().clock.now();
    const stranger = say(['某人', '我要退货', at], [shop_name, '好的', at]);
    const first = await ingest({ platform: 'other', shop_name, messages: stranger });
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
      messages: [...stranger, ...say([shop_name, '请寄回', at])],
    });
    expect(again.active_session_id).toBe(first.active_session_id);
  });

  it('gives the stranger’s session to the account once it is found', async () => {
    const shop_name = `店铺${unique()}`;
    const at = world().clock.now();
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
    const open = await world().rest.ok(
      world().rest.get(`/api/sessions/open?platform=other&account_id=${account_id}&shop_name=${encodeURIComponent(shop_name)}`),
    );
    expect(open).toMatchObject({ has_active_session: true, session_id: first.active_session_id });
  });

  it('is one shop under one name and three ids', async () => {
    const { sentSession } = steps(world());
    const { body, window, sessionId } = await sentSession();
    for (const shop_id of ['', `x-${unique()}`, `y-${unique()}`])
      expect(
        await ingest({ ...window.batch(), shop_id, messages: [...window.messages, ...say([body.shop_name, `来自 ${shop_id}`])] }),
      ).toMatchObject({ active_session_id: sessionId, status: 'bot_active', processed_messages: 1 });
  });
});
