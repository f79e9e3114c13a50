import { expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { ChatWindow, unique } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';
import type { TestSystem } from '../support/test-system.ts';

function steps(system: TestSystem) {
  const flow = flowSteps(system);
  const { rest } = system;
  const history = async (session: string) => (await rest.ok(rest.get(`/api/sessions/${session}/messages`))).messages;
  const said = async (session: string) =>
    (await history(session))
      .filter((message: { role: string }) => message.role === 'agent')
      .map(({ content, delivery }: { content: string; delivery: string }) => [content, delivery]);
  const hasDelivery = (session: string, expected: unknown) =>
    eventually(async () => expect(await said(session)).toEqual(expected));
  /** A session that the bot has begun and an agent has taken over. */
  const attended = async () => {
    const started = await flow.sentSession();
    await rest.ok(flow.takeOver(started.sessionId));
    return started;
  };
  return { ...flow, rest, say: flow.sayAsAgent, history, said, hasDelivery, attended };
}

const ids = ({ message_id, task_id }: { message_id: string; task_id: string }) => ({ message_id, task_id });

onEveryBackend('an agent who writes in a shop session', (system) => {
  it('has the words sent by the RPA sender, in order, shown once in the history, and not taken for an intervention', async () => {
    const { attended, say, claimAndFetch, complete, hasDelivery, history, upload, status } = steps(system());
    const { sessionId, body, window } = await attended();
    const first = await say(sessionId, '我是人工客服小王');
    expect(first.status).toBe(200);
    expect(first.body.data).toMatchObject({ session_id: sessionId, status: 'manual_live', delivery: 'queued' });
    await say(sessionId, '稍等，我查一下');
    await hasDelivery(sessionId, [
      ['我是人工客服小王', 'queued'],
      ['稍等，我查一下', 'queued'],
    ]);
    const sent = await claimAndFetch(body.account_id);
    expect(sent).toMatchObject({ content: '我是人工客服小王', taskId: first.body.data.task_id });
    await hasDelivery(sessionId, [
      ['我是人工客服小王', 'fetched'],
      ['稍等，我查一下', 'queued'],
    ]);
    // the chat window shows it before the sender reports
    const batch = await upload(window.account('我是人工客服小王').shop('你好'));
    expect(batch.session_operations).not.toContain('transferred');
    await hasDelivery(sessionId, [
      ['我是人工客服小王', 'sent'],
      ['稍等，我查一下', 'queued'],
    ]);
    await upload(window);
    const second = await claimAndFetch(body.account_id);
    expect(second.content).toBe('稍等，我查一下');
    await complete(sessionId, { task_id: second.taskId, lease_token: second.token });
    await hasDelivery(sessionId, [
      ['我是人工客服小王', 'sent'],
      ['稍等，我查一下', 'sent'],
    ]);
    const messages = await history(sessionId);
    expect(messages.map(({ role }: { role: string }) => role)).toEqual(['account', 'agent', 'agent', 'shop']);
    expect(messages[1]).toMatchObject({
      agent_id: 'agent_01',
      agent_name: '客服agent_01',
      task_id: first.body.data.task_id,
    });
    expect(await status(sessionId)).toMatchObject({ status: 'manual_live', message_count: 4 });
  });

  it('takes over a waiting session with the first words', async () => {
    const { create, say, rest, status } = steps(system());
    const { data } = await create();
    await rest.ok(rest.post('/api/manual/escalate', { session_id: data.session_id, reason: 'manual' }));
    expect((await say(data.session_id, '您好')).status).toBe(200);
    expect(await status(data.session_id)).toMatchObject({ status: 'manual_live', task_status: 'cancelled' });
  });

  it('learns at the release which words were not sent, and which may have been', async () => {
    const { attended, say, claimAndFetch, release, hasDelivery, sendInfo, rest, claim } = steps(system());
    const { sessionId, body } = await attended();
    const out = (await say(sessionId, '已发出')).body.data;
    await claimAndFetch(body.account_id);
    const waiting = (await say(sessionId, '还没发')).body.data;
    const answer = await rest.ok(release(sessionId));
    expect(answer.unsent).toMatchObject([
      { message_id: waiting.message_id, task_id: waiting.task_id, content: '还没发' },
    ]);
    expect(answer.possibly_sent).toMatchObject([{ task_id: out.task_id, message_id: out.message_id }]);
    expect((await rest.ok(release(sessionId))).unsent).toEqual(answer.unsent);
    expect((await claim(body.account_id)).task_id).toBeNull();
    expect((await sendInfo(waiting.task_id)).body.error_code).toBe('HANDED_OVER');
    await hasDelivery(sessionId, [
      ['已发出', 'fetched'],
      ['还没发', 'unsent'],
    ]);
  });

  it('is refused while the bot or another agent is in control, and nothing is stored', async () => {
    const { sentSession, say, history, rest, takeOver, release } = steps(system());
    const { sessionId } = await sentSession();
    const before = await history(sessionId);
    const byBot = await say(sessionId, '您好');
    expect([byBot.status, byBot.body.error_code]).toEqual([409, 'INVALID_STATUS']);
    await rest.ok(takeOver(sessionId, 'agent_02'));
    const byOther = await say(sessionId, '您好');
    expect([byOther.status, byOther.body.error_code]).toEqual([403, 'NOT_YOUR_SESSION']);
    const asUser = await rest.post('/api/manual/messages', { session_name: sessionId, role: 'user', content: '您好' });
    expect([asUser.status, asUser.body.error_code]).toEqual([409, 'INVALID_STATUS']);
    await rest.ok(release(sessionId, 'agent_02'));
    expect(await history(sessionId)).toEqual(before);
  });

  it('may repeat a message, but not use its id for other words', async () => {
    const { attended, say, said, upload } = steps(system());
    const { sessionId, window } = await attended();
    const id = { client_message_id: `msg-${unique()}` };
    const answers = await Promise.all(Array.from({ length: 6 }, () => say(sessionId, '好的', id)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(new Set(answers.map(({ body }) => body.data.task_id)).size).toBe(1);
    expect(await said(sessionId)).toEqual([['好的', 'queued']]);
    const other = await say(sessionId, '不好', id);
    expect([other.status, other.body.error_code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    await upload(window.shop('在吗'));
    const uploaded = await say(sessionId, '好的', { client_message_id: window.messages.at(-1)!.id });
    expect([uploaded.status, uploaded.body.error_code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
  });

  it('fails the delivery when the sender reports that the words were not sent', async () => {
    const { attended, say, claimAndFetch, complete, hasDelivery, status } = steps(system());
    const { sessionId, body } = await attended();
    await say(sessionId, '您好');
    const sent = await claimAndFetch(body.account_id);
    await complete(sessionId, { task_id: sent.taskId, lease_token: sent.token, success: false, error_message: '断线' });
    await hasDelivery(sessionId, [['您好', 'failed']]);
    expect(await status(sessionId)).toMatchObject({ status: 'manual_live', session_state: 'transferred' });
  });

  it('learns at a repeated release, too, which words were not sent, when the session was paused since', async () => {
    const { attended, say, rest } = steps(system());
    const { sessionId } = await attended();
    const waiting = (await say(sessionId, '还没发')).body.data;
    const release = async () =>
      rest.ok(rest.post(`/api/sessions/${sessionId}/release`, { agent_id: 'agent_01' }, { 'idempotency-key': key }));
    const key = unique();
    const first = await release();
    expect(first.unsent).toMatchObject([{ message_id: waiting.message_id }]);
    await rest.ok(rest.post(`/api/sessions/${sessionId}/pause`));
    expect((await release()).unsent).toEqual(first.unsent);
  });

  it('takes nothing over by the late repeat of a message, and is told the present status', async () => {
    const { attended, say, rest, release, status } = steps(system());
    const { sessionId } = await attended();
    const id = { client_message_id: unique() };
    const first = await rest.ok(say(sessionId, '您好', id));
    await rest.ok(release(sessionId));
    expect(await rest.ok(say(sessionId, '您好', id))).toMatchObject({ ...ids(first), status: 'bot_active' });
    await rest.ok(rest.post('/api/manual/escalate', { session_id: sessionId, reason: 'manual' }));
    expect(await rest.ok(say(sessionId, '您好', id))).toMatchObject({ ...ids(first), status: 'pending_manual' });
    expect((await status(sessionId)).status).toBe('pending_manual');
    expect((await say(sessionId, '您好')).status).toBe(200);
    expect((await status(sessionId)).status).toBe('manual_live');
  });

  it('has words of up to 16 KiB sent as they are, and none without a visible character', async () => {
    const { attended, say, rest, claimAndFetch, history } = steps(system());
    const { sessionId, body } = await attended();
    for (const content of ['', '   ', '\n\t', '\u3000', '好'.repeat(5_462)]) {
      const refused = await say(sessionId, content);
      expect([refused.status, refused.body.error_code]).toEqual([400, 'INVALID_ARGUMENT']);
    }
    const longest = ` 😀\n${'好'.repeat(5_459)} `;
    await rest.ok(say(sessionId, longest));
    expect((await claimAndFetch(body.account_id)).content).toBe(longest);
    expect((await history(sessionId)).at(-1)).toMatchObject({ role: 'agent', content: longest });
  });

  it('keeps the session open by writing', async () => {
    const { attended, say, rest, status } = steps(system());
    const { sessionId } = await attended();
    const before = (await status(sessionId)).last_activity;
    system().clock.advance({ minutes: 1 });
    await rest.ok(say(sessionId, '您好'));
    await eventually(async () => expect((await status(sessionId)).last_activity > before).toBe(true));
  });

  it('writes first in a session that no upload has touched', async () => {
    const { create, rest, say, takeOver, said, claimAndFetch, upload } = steps(system());
    const { body, data } = await create({ task_type: 'manual_customer_service', send_content: undefined });
    await rest.ok(takeOver(data.session_id));
    await rest.ok(say(data.session_id, '您好，我是客服'));
    const sent = await claimAndFetch(body.account_id);
    expect(sent.content).toBe('您好，我是客服');
    await upload(new ChatWindow(body, () => system().clock.now()).account('您好，我是客服'));
    await eventually(async () => expect(await said(data.session_id)).toEqual([['您好，我是客服', 'sent']]));
  });
});
