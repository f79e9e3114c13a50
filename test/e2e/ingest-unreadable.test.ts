import { expect, it } from 'vitest';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { eventually } from '../support/eventually.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { unique } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';
import type { Json } from '../support/http/rest-client.ts';

const HOUR_MS = 3_600_000;
const shanghai = (at: number) => new Date(at + 8 * HOUR_MS).toISOString().slice(0, 19).replace('T', ' ');

onEveryBackend('a message that cannot be read', (system) => {
  const ingest = (body: unknown): Promise<Json> => system().rest.ok(system().rest.post('/api/messages/batch', body));
  const now = () => system().clock.now();
  const known = async () => {
    const { body, sessionId, window } = await flowSteps(system()).sentSession();
    const upload = (...more: object[]) =>
      ingest({
        shop_name: body.shop_name,
        messages: [...window.messages, ...more.map((each) => ({ id: unique(), ...each }))],
      });
    return { body, sessionId, window, upload, account: { nick: body.account_id }, shop: { nick: body.shop_name } };
  };
  /** A session in which no task was fetched yet. */
  const created = async () => {
    const { body } = await flowSteps(system()).create();
    const upload = (...messages: object[]) =>
      ingest({ shop_name: body.shop_name, messages: messages.map((each) => ({ id: unique(), ...each })) });
    return { body, upload, account: { nick: body.account_id }, shop: { nick: body.shop_name } };
  };
  const codes = (answer: Json) => answer.warnings.map(({ id, error_code }: Json) => [id, error_code]);
  const history = async (sessionId: string) =>
    (await system().rest.ok(system().rest.get(`/api/sessions/${sessionId}/messages`))).messages.map(
      ({ content, role }: Json) => [role, content],
    );

  it.each([
    ['a picture without text', { content: '', type: 'image' }, 'CONTENT_UNREADABLE', '[image]'],
    ['a card', { content: { title: '优惠券' }, type: '卡片' }, 'CONTENT_UNREADABLE', '[卡片]'],
    ['nothing at all', {}, 'CONTENT_UNREADABLE', '[unreadable]'],
    ['a time in no known form', { content: '我来处理', time: '昨天 19:40' }, 'TIME_UNREADABLE', '我来处理'],
    ['a time of another type', { content: '我来处理', time: { s: 1 } }, 'TIME_UNREADABLE', '我来处理'],
    ['too long a type', { content: '我来处理', type: 'x'.repeat(51) }, 'TYPE_UNREADABLE', '我来处理'],
  ])('takes control from the bot when a human sent it: %s', async (_, element, code, shown) => {
    const { sessionId, upload, account } = await known();
    const answer = await upload({ id: 'odd', ...account, ...element });
    expect(answer).toMatchObject({ status: 'manual_live', errors: [], processed_messages: 1 });
    expect(answer.messages.at(-1)).toMatchObject({ id: 'odd', verdict: 'stored' });
    expect(codes(answer)).toEqual([['odd', code]]);
    expect((await history(sessionId)).at(-1)).toEqual(['account', shown]);
    expect(codes(await upload({ id: 'odd', ...account, ...element }))).toEqual([]);
  });

  it.each([
    ['to the minute', (at: number) => shanghai(at).slice(0, 16)],
    ['with slashes', (at: number) => shanghai(at).replaceAll('-', '/')],
    ['as Unix seconds in text', (at: number) => String(Math.floor(at / 1_000))],
    ['as Unix milliseconds in text', (at: number) => String(at)],
  ])('is none when its time is %s', async (_, written) => {
    const { upload, account, shop } = await created();
    const old = await upload({ ...account, content: '很早的话', time: written(now() - 48 * HOUR_MS) });
    expect(old).toMatchObject({ status: 'bot_active', warnings: [], messages: [{ verdict: 'history' }] });
    const asked = await upload({ ...shop, content: '在吗', time: written(now()) });
    expect(asked).toMatchObject({ status: 'bot_active', warnings: [], messages: [{ verdict: 'stored' }] });
    const typed = await upload({ ...account, content: '我来', time: written(now()) });
    expect(typed).toMatchObject({ status: 'manual_live', warnings: [] });
  });

  it('is detected although it follows old messages with readable times', async () => {
    const { body } = await flowSteps(system()).create();
    const messages = [
      { id: unique(), nick: body.account_id, content: '上周的话', time: shanghai(now() - 168 * HOUR_MS) },
      { id: unique(), nick: body.account_id, content: '刚说的话', time: '19:40' },
    ];
    const answer = await ingest({ shop_name: body.shop_name, messages });
    expect(answer.messages.map(({ verdict }: Json) => verdict)).toEqual(['history', 'stored']);
    expect(answer.status).toBe('manual_live');
  });

  it.each(['recall', 'read_receipt', 'system', '撤回', '已读', '系统消息'])(
    'is not an intervention and opens no session if it is a notice: %s',
    async (type) => {
      const { body, sessionId, upload, account, shop } = await known();
      const notice = { content: '', type, time: new Date(now()).toISOString() };
      const answer = await upload({ ...account, ...notice }, { ...shop, ...notice, content: '对方撤回了一条消息' });
      expect(answer).toMatchObject({ status: 'bot_active', active_session_id: sessionId, warnings: [], errors: [] });
      expect(answer.messages.slice(-2).map(({ verdict }: Json) => verdict)).toEqual(['stored', 'stored']);
      expect((await history(sessionId)).slice(-2)).toEqual([
        ['account', `[${type}]`],
        ['shop', '对方撤回了一条消息'],
      ]);
      await system().rest.ok(system().rest.post(`/api/sessions/${sessionId}/close`, { outcome: 'completed' }));
      const later = { id: unique(), ...shop, ...notice };
      const closed = await ingest({ shop_name: body.shop_name, account_id: body.account_id, messages: [later] });
      expect(closed).toMatchObject({ active_session_id: null, session_operations: [] });
    },
  );

  it('never matches a message of the bot, whatever its text looks like', async () => {
    const { create, claimAndFetch } = flowSteps(system());
    const { body, data } = await create({ send_content: '[image]' });
    const sent = await claimAndFetch(body.account_id);
    const picture = { id: unique(), nick: body.account_id, content: '', type: 'image' };
    const answer = await ingest({ shop_name: body.shop_name, messages: [picture] });
    expect(answer).toMatchObject({ status: 'manual_live', active_session_id: data.session_id });
    expect((await system().rest.ok(system().rest.get(`/api/tasks/${sent.taskId}`))).task_status).toBe('fetched');
  });

  it.each([
    ['is a picture', { content: '', type: 'image' }],
    ['was recalled', { content: '', type: 'recall' }],
    ['was recalled, as the marketplace says', { content: '你撤回了一条消息', type: '系统消息' }],
  ])('keeps a window from proving that the bot’s message was not sent when it %s', async (_, shown) => {
    const { create, claimAndFetch, settled } = flowSteps(system());
    const { body } = await create();
    const sent = await claimAndFetch(body.account_id);
    const at = (ms: number) => new Date(ms).toISOString();
    const fetchedAt = now();
    system().clock.advance({ seconds: 300 });
    await settled(sent.sessionId, { task_status: 'unknown' });
    const messages = [
      { id: unique(), nick: body.shop_name, content: '在吗', time: at(fetchedAt - 120_000) },
      { id: unique(), nick: body.account_id, ...shown, time: at(fetchedAt + 5_000) },
      { id: unique(), nick: body.shop_name, content: '好', time: at(now()) },
    ];
    await ingest({ shop_name: body.shop_name, messages });
    expect((await system().rest.ok(system().rest.get(`/api/tasks/${sent.taskId}`))).task_status).toBe('unknown');
  });

  it('is the bot’s when it is uploaded with the content that the bot received', async () => {
    const { create, claimAndFetch } = flowSteps(system());
    const { body } = await create({ send_content: 'https://example.com/coupon.png' });
    const sent = await claimAndFetch(body.account_id);
    const picture = { id: unique(), nick: body.account_id, content: sent.content, type: 'image' };
    const answer = await ingest({ shop_name: body.shop_name, messages: [picture] });
    expect(answer).toMatchObject({ status: 'bot_active', warnings: [] });
  });

  it('is evaluated in the same way by the sweep when its batch was interrupted', async () => {
    const { sessionId, upload, account } = await known();
    {
      using _ = armFailpoint('call:SessionService/ApplyMessages', () => {
        throw new Error('broken off');
      });
      await expect(upload({ ...account, content: '', type: 'image' })).rejects.toThrow('503');
    }
    system().clock.advance({ seconds: 11 });
    await eventually(async () => expect((await history(sessionId)).at(-1)).toEqual(['account', '[image]']), 20_000);
    expect((await flowSteps(system()).status(sessionId)).status).toBe('manual_live');
  });

  it('warns of a batch whose times are UTC without a zone', async () => {
    const { upload, account } = await created();
    const utc = new Date(now() - 20_000).toISOString().slice(0, 19).replace('T', ' ');
    const answer = await upload({ ...account, content: '我来', time: utc });
    expect(answer.messages).toMatchObject([{ verdict: 'history' }]);
    expect(codes(answer)).toEqual([['', 'TIME_ZONE']]);
    expect(codes(await upload({ ...account, content: '我来了', time: shanghai(now()) }))).toEqual([]);
  });

  it('warns of a batch that is ahead of the clock', async () => {
    const { upload, account } = await known();
    const answer = await upload({ id: 'ahead', ...account, content: '我来', time: shanghai(now() + 8 * HOUR_MS) });
    expect(answer.status).toBe('manual_live');
    expect(codes(answer)).toEqual([
      ['ahead', 'TIME_AHEAD'],
      ['', 'TIME_AHEAD'],
    ]);
  });

  it('without an id is an error', async () => {
    const { upload } = await known();
    const answer = await upload({ id: undefined, nick: 'n' });
    expect(answer.errors).toMatchObject([{ error_code: 'INVALID_ARGUMENT' }]);
    expect(answer.messages.at(-1).verdict).toBe('invalid');
  });
});
