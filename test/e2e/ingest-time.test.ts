import { expect, it } from 'vitest';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { eventually } from '../support/eventually.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { ChatWindow, unique } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';
import type { Json } from '../support/http/rest-client.ts';

const HOUR_MS = 3_600_000;
/** The local time in Shanghai, to the second, as RPA receivers read it from a window. */
const shanghai = (at: number) => new Date(at + 8 * HOUR_MS).toISOString().slice(0, 19).replace('T', ' ');

onEveryBackend('the time of messages', (system) => {
  const post = (body: unknown) => system().rest.post('/api/messages/batch', body);
  const ingest = (body: unknown): Promise<Json> => system().rest.ok(post(body));
  const now = () => system().clock.now();

  it.each([
    ['ahead', 50_000],
    ['behind', -50_000],
    ['exact', 0],
  ])('may be local, to the second, of a clock that is %s', async (_, skew) => {
    const { create, claimAndFetch, complete } = flowSteps(system());
    const { body, data } = await create();
    const old = [
      { id: unique(), nick: body.account_id, content: '上周的话', time: shanghai(now() - 168 * HOUR_MS) },
      { id: unique(), nick: body.shop_name, content: '上周的回答', time: shanghai(now() - 168 * HOUR_MS) },
    ];
    const window = { shop_name: body.shop_name, messages: [...old] };
    expect(await ingest(window)).toMatchObject({ status: 'bot_active', state: 'pending' });
    const sent = await claimAndFetch(body.account_id);
    window.messages.push({ id: unique(), nick: body.account_id, content: sent.content, time: shanghai(now() + skew) });
    expect(await ingest(window)).toMatchObject({ status: 'bot_active', state: 'active', processed_messages: 1 });
    await system().rest.ok(complete(sent.sessionId, { lease_token: sent.token }));
    window.messages.push({ id: unique(), nick: body.shop_name, content: '可以', time: shanghai(now() + skew) });
    expect(await ingest(window)).toMatchObject({ status: 'bot_active', active_session_id: data.session_id });
    window.messages.push({ id: unique(), nick: body.account_id, content: '真人', time: shanghai(now() + skew) });
    expect(await ingest(window)).toMatchObject({ status: 'manual_live', active_session_id: data.session_id });
  });

  it('may be missing everywhere once the window is known', async () => {
    const { sentSession } = flowSteps(system());
    const { body, window } = await sentSession();
    const untimed = window.messages.map(({ time: _, ...rest }) => rest);
    untimed.unshift({ id: unique(), nick: body.account_id, content: '翻出来的旧话' });
    const untimedBatch = () => ({ shop_name: body.shop_name, messages: untimed });
    expect(await ingest(untimedBatch())).toMatchObject({ status: 'bot_active' });
    untimed.push({ id: unique(), nick: body.shop_name, content: '在' });
    expect(await ingest(untimedBatch())).toMatchObject({ status: 'bot_active', processed_messages: 1 });
    untimed.push({ id: unique(), nick: body.account_id, content: '真人' });
    expect(await ingest(untimedBatch())).toMatchObject({ status: 'manual_live', processed_messages: 1 });
  });

  it('may be missing in a first upload that has the bot’s message after older ones', async () => {
    const { create, claimAndFetch } = flowSteps(system());
    const { body } = await create();
    const sent = await claimAndFetch(body.account_id);
    const messages = [
      { id: unique(), nick: body.account_id, content: '以前的话' },
      { id: unique(), nick: body.shop_name, content: '以前的回答' },
      { id: unique(), nick: body.account_id, content: sent.content },
    ];
    expect(await ingest({ shop_name: body.shop_name, messages })).toMatchObject({ status: 'bot_active' });
  });

  it('does not lead to an intervention when a batch typed under a human’s control is finished after the release', async () => {
    const { sentSession, takeOver, release, settled } = flowSteps(system());
    const { window, sessionId } = await sentSession();
    await takeOver(sessionId);
    window.account('客服在店铺窗口里说的');
    {
      using _ = armFailpoint('call:SessionService/ApplyMessages', () => {
        throw new Error('broken off');
      });
      expect((await post(window.batch())).status).toBe(503);
    }
    await system().rest.ok(release(sessionId));
    expect(await ingest(window.batch())).toMatchObject({ status: 'bot_active', active_session_id: sessionId });
    await settled(sessionId, { status: 'bot_active' });
  });

  it('ids may be numbers, and mean the same as text', async () => {
    const { sentSession } = flowSteps(system());
    const { body } = await sentSession();
    const at = new Date(now()).toISOString();
    const message = { id: 1234567890123, nick: body.shop_name, content: '数字', time: at };
    expect(await ingest({ shop_name: body.shop_name, messages: [message] })).toMatchObject({ processed_messages: 1 });
    const again = { ...message, id: '1234567890123' };
    expect(await ingest({ shop_name: body.shop_name, messages: [again] })).toMatchObject({ processed_messages: 0 });
  });

  it('a text is the bot’s in any spelling of the window', async () => {
    const { create, claimAndFetch } = flowSteps(system());
    const { body } = await create({ send_content: `ＡＢＣ１２３  可以\n便宜　一点吗？${'长'.repeat(4_000)}` });
    await claimAndFetch(body.account_id);
    const content = ` ABC123 可以 便宜 一点吗?${'长'.repeat(4_000)}\r\n`;
    const window = new ChatWindow(body, now).account(content);
    expect(await ingest(window.batch())).toMatchObject({ status: 'bot_active', state: 'active' });
  });

  it('a human who types the bot’s pending text is in control, and the bot does not send it again', async () => {
    const { create, claim, status } = flowSteps(system());
    const { body, data } = await create();
    const window = new ChatWindow(body, now).account(body.send_content);
    expect(await ingest(window.batch())).toMatchObject({ status: 'manual_live' });
    expect(await status(data.session_id)).toMatchObject({ task_status: 'cancelled' });
    expect((await claim(body.account_id)).task_id).toBeNull();
  });

  it('a retried task’s two fetches explain two messages', async () => {
    const { create, claimAndFetch, complete, settled } = flowSteps(system());
    const { body, data } = await create({ max_attempts: 2 });
    const first = await claimAndFetch(body.account_id);
    await system().rest.ok(
      complete(data.session_id, { success: false, lease_token: first.token, task_id: first.taskId }),
    );
    await settled(data.session_id, { task_status: 'pending' });
    system().clock.advance({ minutes: 10 });
    const second = await eventually(() => claimAndFetch(body.account_id));
    expect(second.taskId).toBe(first.taskId);
    const window = new ChatWindow(body, now).account(first.content).account(first.content);
    expect(await ingest(window.batch())).toMatchObject({ status: 'bot_active', state: 'active' });
  });

  it('a control character and a zero byte in a text are harmless', async () => {
    const { sentSession, status } = flowSteps(system());
    const { body, sessionId } = await sentSession();
    const contents = ['a\u0000b', '\u0001', '😀'.repeat(4_000), '\u202e', '   ', '0', 'e\u0301', '\u00e9'];
    const messages = contents.map((content) => ({ id: unique(), nick: body.shop_name, content }));
    const batch = await ingest({ shop_name: body.shop_name, messages });
    expect(batch.messages.map((m: Json) => m.verdict)).toEqual(contents.map(() => 'stored'));
    const again = await ingest({ shop_name: body.shop_name, messages });
    expect(again).toMatchObject({ processed_messages: 0, errors: [] });
    const listed = await system().rest.ok(system().rest.get(`/api/sessions/${sessionId}/messages?limit=50`));
    expect(listed.messages.slice(1).map((m: Json) => m.content)).toEqual(contents);
    expect((await status(sessionId)).message_count).toBe(contents.length + 1);
  });

  it('takes 1000 typed messages with long ids at once', async () => {
    const { create } = flowSteps(system());
    const { body, data } = await create();
    const messages = Array.from({ length: 1_000 }, (_, i) => ({
      id: `${'店'.repeat(90)}${i}`,
      nick: body.account_id,
      content: '我',
    }));
    const batch = await ingest({ shop_name: body.shop_name, messages });
    expect(batch).toMatchObject({ processed_messages: 1_000, status: 'manual_live' });
    expect(await ingest({ shop_name: body.shop_name, messages })).toMatchObject({ processed_messages: 0 });
    const taken = await system().rest.ok(flowSteps(system()).takeOver(data.session_id));
    expect(taken.session.escalation.evidence_message_ids).toHaveLength(20);
    expect(taken.session.escalation.evidence_message_ids[0]).toBe(messages[0]?.id);
  });

  it('gives a repeat with the same idempotency key the first answer, and refuses another body', async () => {
    const { sentSession } = flowSteps(system());
    const { window } = await sentSession();
    const key = { 'idempotency-key': unique() };
    const body = window.shop('一').batch();
    const first = await system().rest.post('/api/messages/batch', body, key);
    const again = await system().rest.post('/api/messages/batch', body, key);
    expect(again.data).toEqual(first.data);
    const other = await system().rest.post('/api/messages/batch', window.shop('二').batch(), key);
    expect(other.status).toBe(422);
  });
});
