import { expect, it } from 'vitest';
import { HandoverService } from '../../gen/autosession/handover/v1/handover_service_pb.js';
import { eventually } from '../support/eventually.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { ChatWindow } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';

const DAY_MS = 86_400_000;

onEveryBackend('noticing a human', (system) => {
  it('takes control from the bot when a human types in the shop’s window, with evidence', async () => {
    const { sentSession, upload, status, claim } = flowSteps(system());
    const { rest } = system();
    const { sessionId, window, body } = await sentSession();
    await rest.ok(rest.post(`/api/sessions/${sessionId}/tasks`, { external_task_id: 'n', send_content: '在吗' }));
    window.shop('您好').account('我是真人，我来跟您谈');
    const batch = await upload(window);
    expect(batch).toMatchObject({ status: 'manual_live', state: 'transferred' });
    expect(batch.session_operations).toContain('transferred');
    expect(await status(sessionId)).toMatchObject({ status: 'manual_live', assigned_agent: null });
    expect((await claim(body.account_id)).task_id).toBeNull();
    const typed = window.messages.at(-1)?.id;
    const escalation = await eventually(async () => {
      const { handovers } = await system().rpc(HandoverService).listHandovers({ sessionId });
      expect(handovers).toHaveLength(1);
      return handovers[0];
    });
    expect(escalation).toMatchObject({ attendantExternal: true });
    const taken = await rest.ok(
      rest.post(`/api/sessions/${sessionId}/takeover`, { agent_id: 'a1', agent_name: '小李' }),
    );
    expect(taken.session.escalation).toMatchObject({ reason: 'human_intervention', evidence_message_ids: [typed] });
    expect(taken.session.assigned_agent.agent_id).toBe('a1');
  });

  it('recognises the bot’s own message before complete', async () => {
    const { create, claimAndFetch, upload, complete } = flowSteps(system());
    const { body } = await create();
    const sent = await claimAndFetch(body.account_id);
    const window = new ChatWindow(body, () => system().clock.now()).account(` ${sent.content} `);
    expect(await upload(window)).toMatchObject({ status: 'bot_active', state: 'active' });
    const done = await system().rest.ok(complete(sent.sessionId, { lease_token: sent.token }));
    expect(done).toMatchObject({ task_status: 'completed', state: 'active' });
  });

  it.each([
    ['a variation selector', '收到👍', '收到👍\uFE0F'],
    ['none where there was one', '收到❤\uFE0F', '收到❤'],
    ['zero-width characters', '您\u200B好\uFEFF', '\u200E您好'],
    ['full-width characters', '好的,马上发(明天到)', '好的，马上发（明天到）'],
    ['no line breaks', '您好：\r\n订单 123\r\n已发货', '您好：订单123已发货'],
    ['decomposed letters', 'café', 'cafe\u0301'],
    ['escaped characters', '2 < 3 & "好"', '2 &lt; 3 &amp; &quot;好&quot;'],
    ['the wave dash of another character set', '亲～', '亲〜'],
    ['control characters', '好的', '\u0007好的\u0085'],
  ])('recognises the bot’s own message with %s', async (_, send_content, seen) => {
    const { create, claimAndFetch, upload } = flowSteps(system());
    const { body } = await create({ send_content });
    await claimAndFetch(body.account_id);
    const window = new ChatWindow(body, () => system().clock.now()).account(seen);
    expect(await upload(window)).toMatchObject({ status: 'bot_active', state: 'active' });
  });

  it.each([
    ['another number', '一共10元', '一共100元'],
    ['other letters', 'ok', 'OK'],
    ['another emoji', '收到👍', '收到👍🏻'],
    ['numbers separated by a space', '10 00', '1000'],
  ])('attributes %s to a human', async (_, send_content, seen) => {
    const { create, claimAndFetch, upload } = flowSteps(system());
    const { body } = await create({ send_content });
    await claimAndFetch(body.account_id);
    const window = new ChatWindow(body, () => system().clock.now()).account(seen);
    expect(await upload(window)).toMatchObject({ status: 'manual_live' });
  });

  it('recognises the bot’s own message after the session timed out, and opens no other', async () => {
    const { create, claimAndFetch, upload, settled } = flowSteps(system());
    const { clock, rest } = system();
    const { body } = await create({ max_inactive_minutes: 30 });
    const sent = await claimAndFetch(body.account_id);
    const window = new ChatWindow(body, () => clock.now()).account(sent.content);
    clock.advance({ minutes: 31 });
    await settled(sent.sessionId, { session_state: 'timeout' });
    expect(await upload(window)).toMatchObject({ active_session_id: null, processed_messages: 1 });
    const open = await rest.ok(rest.get(`/api/sessions/open?account_id=${body.account_id}&shop_id=${body.shop_id}`));
    expect(open.has_active_session).toBe(false);
  });

  it('recognises the bot’s own message after the session was released', async () => {
    const { create, claimAndFetch, upload, takeOver, release } = flowSteps(system());
    const { body } = await create();
    const sent = await claimAndFetch(body.account_id);
    const taken = await takeOver(sent.sessionId);
    expect(taken.data.possibly_sent).toMatchObject([{ task_id: sent.taskId }]);
    await system().rest.ok(release(sent.sessionId));
    const window = new ChatWindow(body, () => system().clock.now()).account(sent.content);
    expect(await upload(window)).toMatchObject({ status: 'bot_active' });
  });

  it('ignores old history', async () => {
    const { create, upload, claimAndFetch } = flowSteps(system());
    const { clock } = system();
    const { body, data } = await create();
    const window = new ChatWindow(body);
    for (let i = 10; i > 0; i--)
      window.account(`旧的话 ${i}`, clock.now() - i * DAY_MS).shop(`旧的回答 ${i}`, clock.now() - i * DAY_MS + 1_000);
    const batch = await upload(window);
    expect(batch).toMatchObject({ status: 'bot_active', active_session_id: data.session_id, processed_messages: 20 });
    expect(new Set(batch.messages.map((m: { verdict: string }) => m.verdict))).toEqual(new Set(['history']));
    const sent = await claimAndFetch(body.account_id);
    expect(await upload(window.account(sent.content, clock.now()))).toMatchObject({ status: 'bot_active' });
  });

  it('opens no session for old messages after a close', async () => {
    const { sentSession, upload } = flowSteps(system());
    const { rest, clock } = system();
    const { sessionId, window, body } = await sentSession();
    clock.advance({ minutes: 5 });
    await rest.ok(rest.post(`/api/sessions/${sessionId}/close`, { outcome: 'completed' }));
    const closedAt = clock.now();
    clock.advance({ minutes: 5 });
    const late = new ChatWindow(body).shop('关闭前说的', closedAt - 4 * 60_000);
    late.messages.unshift(...window.messages);
    expect(await upload(late)).toMatchObject({ active_session_id: null, processed_messages: 1 });
    const fresh = await upload(late.shop('关闭后说的', clock.now()));
    expect(fresh).toMatchObject({ state: 'transferred', status: 'pending_manual' });
    expect(fresh.active_session_id).not.toBe(sessionId);
    expect(fresh.session_operations).toContain('created');
  });

  it('distinguishes the same text on two days', async () => {
    const { sentSession, upload } = flowSteps(system());
    const { clock, rest } = system();
    const { sessionId, body, window, sent } = await sentSession();
    await rest.ok(rest.post(`/api/sessions/${sessionId}/close`, { outcome: 'completed' }));
    clock.advance({ hours: 24 });
    const { create } = flowSteps(system());
    const { data } = await create({ ...body, external_task_id: 'next-day', send_content: '另外的话' });
    const repeated = await upload(window.account(sent.content, clock.now()));
    expect(repeated).toMatchObject({
      active_session_id: data.session_id,
      status: 'manual_live',
      processed_messages: 1,
    });
  });

  it('matches one message to one receipt: the same text twice, sent once, is a human’s', async () => {
    const { sentSession, upload } = flowSteps(system());
    const { window, sent } = await sentSession();
    expect(await upload(window.account(sent.content))).toMatchObject({ status: 'manual_live' });
  });

  it('dedupes re-uploads, keeps a changed message as a revision and reports it once', async () => {
    const { sentSession, upload } = flowSteps(system());
    const { window } = await sentSession();
    await upload(window.shop('原话'));
    const changed = window.messages.at(-1);
    if (changed) changed.content = '改过的话';
    const conflict = await upload(window);
    expect(conflict.messages.at(-1).verdict).toBe('conflict');
    expect(conflict.errors).toMatchObject([{ id: changed?.id, error_code: 'CONTENT_CONFLICT' }]);
    const again = await upload(window);
    expect(again).toMatchObject({ processed_messages: 0, errors: [] });
    expect(again.messages.at(-1).verdict).toBe('duplicate');
  });

  it('keeps the good messages of a batch with bad ones', async () => {
    const { sentSession } = flowSteps(system());
    const { window } = await sentSession();
    window.shop('好的');
    const messages = [...window.messages, { id: 'x' }, 7, null, { nick: 'n', content: '好' }];
    const batch = await system().rest.ok(system().rest.post('/api/messages/batch', window.batch({ messages })));
    expect(batch.processed_messages).toBe(1);
    expect(batch.errors).toHaveLength(4);
    expect(batch.messages.map((m: { verdict: string }) => m.verdict)).toEqual([
      'duplicate',
      'stored',
      'invalid',
      'invalid',
      'invalid',
      'invalid',
    ]);
  });

  it('requests a human again when the one in the shop’s window is silent', async () => {
    const { sentSession, upload, settled } = flowSteps(system());
    const { clock } = system();
    const { sessionId, window } = await sentSession();
    await upload(window.account('我来说'));
    clock.advance({ minutes: 2 });
    await upload(window.shop('那您说'));
    clock.advance({ minutes: 11 });
    await settled(sessionId, { status: 'pending_manual' });
  });

  it('reminds the human who holds a session of new messages, at most once a minute', async () => {
    const { sentSession, upload, takeOver } = flowSteps(system());
    const { sessionId, window } = await sentSession();
    await takeOver(sessionId);
    await upload(window.shop('一'));
    await upload(window.shop('二'));
    const reminders = await eventually(async () => {
      const { reminders: all } = await system().rpc(HandoverService).listReminders({ sessionId });
      const found = all.filter((reminder) => reminder.kind === 3);
      expect(found.length).toBeGreaterThan(0);
      return found;
    });
    expect(reminders.length).toBeLessThanOrEqual(2); // two only across the turn of a minute
  });
});
