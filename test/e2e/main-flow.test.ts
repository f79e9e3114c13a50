import { expect, it } from 'vitest';
import { onEveryBackend } from '../support/every-backend.ts';
import { ChatWindow, sessionBody } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';

onEveryBackend('the main flow', (system) => {
  it('creates a session, sends, ingests the reply, hands over and releases', async () => {
    const { create, claimAndFetch, complete, upload, status, takeOver, release } = flowSteps(system());
    const { rest, clock } = system();

    const { body, data } = await create();
    expect(data).toMatchObject({ state: 'pending', status: 'bot_active', task_type: 'auto_bargain' });
    expect(data.external_task_id).toBe(body.external_task_id);

    const sent = await claimAndFetch(body.account_id);
    expect(sent).toMatchObject({ sessionId: data.session_id, taskId: data.task_id, content: body.send_content });
    const done = await rest.ok(complete(sent.sessionId, { task_id: sent.taskId, lease_token: sent.token }));
    expect(done).toMatchObject({ success: true, state: 'active', task_status: 'completed' });

    const window = new ChatWindow(body, () => clock.now()).account(sent.content);
    const own = await upload(window);
    expect(own).toMatchObject({ processed_messages: 1, active_session_id: sent.sessionId, status: 'bot_active' });

    const reply = await upload(window.shop('可以便宜五块'));
    expect(reply).toMatchObject({ processed_messages: 1, skipped_messages: 1, state: 'active' });
    expect(reply.messages.map((m: { verdict: string }) => m.verdict)).toEqual(['duplicate', 'stored']);

    const taken = await rest.ok(takeOver(sent.sessionId));
    expect(taken.session).toMatchObject({ state: 'transferred', status: 'manual_live' });
    const agent = { agent_id: 'agent_01', agent_name: '客服agent_01', id: 'agent_01', name: '客服agent_01' };
    expect(taken.session.assigned_agent).toEqual(agent);
    expect(taken.possibly_sent).toEqual([]);
    expect(taken.history.map((m: { content: string }) => m.content)).toEqual([body.send_content, '可以便宜五块']);

    const back = await rest.ok(release(sent.sessionId));
    expect(back).toMatchObject({ status: 'bot_active', state: 'active', assigned_agent: null });

    const now = await status(sent.sessionId);
    expect(now).toMatchObject({
      session_state: 'active',
      status: 'bot_active',
      task_status: 'completed',
      task_status_code: 1,
      message_count: 2,
      priority: 3,
    });
    const closed = await rest.ok(rest.post(`/api/sessions/${sent.sessionId}/close`, { outcome: 'completed' }));
    expect(closed).toMatchObject({ state: 'completed', status: 'closed' });
    const archived = await rest.ok(rest.post(`/api/sessions/${sent.sessionId}/archive`));
    expect(archived.state).toBe('archived');
  });

  it('answers a repeat of the same creation with the first ids', async () => {
    const { create } = flowSteps(system());
    const { body, data } = await create();
    const again = await system().rest.ok(system().rest.post('/api/sessions/create', body));
    expect(again).toMatchObject({ session_id: data.session_id, task_id: data.task_id });
  });

  it('opens a new session for the same body after the first one was cancelled', async () => {
    const { create } = flowSteps(system());
    const { rest } = system();
    const { body, data } = await create();
    await rest.ok(rest.post(`/api/sessions/${data.session_id}/close`, { outcome: 'cancelled' }));
    const next = await rest.ok(rest.post('/api/sessions/create', body));
    expect(next.session_id).not.toBe(data.session_id);
  });

  it('cancels a session whose only task failed before it became active', async () => {
    const { create, claimAndFetch, complete, status } = flowSteps(system());
    const { body, data } = await create();
    const sent = await claimAndFetch(body.account_id);
    const failed = await system().rest.ok(
      complete(sent.sessionId, { success: false, error_message: 'window gone', lease_token: sent.token }),
    );
    expect(failed).toMatchObject({ success: false, state: 'cancelled', task_status: 'failed' });
    expect(await status(data.session_id)).toMatchObject({ session_state: 'cancelled', task_status_code: 2 });
  });

  it('retries a failed task while attempts remain', async () => {
    const { create, claim, claimAndFetch, complete } = flowSteps(system());
    const { rest, clock } = system();
    const { body } = await create({ max_attempts: 2 });
    const first = await claimAndFetch(body.account_id);
    const failed = await rest.ok(complete(first.sessionId, { success: false, lease_token: first.token }));
    expect(failed).toMatchObject({ task_status: 'pending', state: 'pending' });
    expect((await claim(body.account_id)).task_id).toBeNull();
    clock.advance({ minutes: 10 });
    const second = await claimAndFetch(body.account_id);
    expect(second.taskId).toBe(first.taskId);
  });

  it('escalates, and gives the same answer to a repeat', async () => {
    const { create, claimAndFetch } = flowSteps(system());
    const { rest } = system();
    const { body, data } = await create();
    const sent = await claimAndFetch(body.account_id);
    const ask = { session_id: data.session_id, reason: 'user_request', details: '要人工', context: { order: 7 } };
    const escalated = await rest.ok(rest.post('/api/manual/escalate', ask));
    expect(escalated).toMatchObject({ status: 'pending_manual', session_name: data.session_id });
    expect(escalated.escalation).toMatchObject({ reason: 'user_request', details: '要人工', severity: 'medium' });
    expect(escalated.possibly_sent).toMatchObject([{ task_id: sent.taskId, send_content: body.send_content }]);
    expect(await rest.ok(rest.post('/api/manual/escalate', ask))).toEqual(escalated);
  });

  it('lets exactly one of two racing agents take over a session, and names that agent to the other', async () => {
    const { create, takeOver } = flowSteps(system());
    const { data } = await create();
    const answers = await Promise.all(['agent_a', 'agent_b'].map((agent) => takeOver(data.session_id, agent)));
    const winner = answers.find((a) => a.status === 200);
    const loser = answers.find((a) => a.status === 409);
    expect(winner?.data.session.status).toBe('manual_live');
    expect(loser?.body.error_code).toBe('ALREADY_TAKEN');
    expect(loser?.data.agent_id).toBe(winner?.data.session.assigned_agent.agent_id);
    const repeat = await takeOver(data.session_id, winner?.data.session.assigned_agent.agent_id);
    expect(repeat.status).toBe(200);
  });

  it('refuses to release a session of another agent, and one without a human in control', async () => {
    const { create, takeOver, release } = flowSteps(system());
    const { data } = await create();
    expect((await release(data.session_id)).body.error_code).toBe('INVALID_STATUS');
    await takeOver(data.session_id, 'agent_a');
    const refused = await release(data.session_id, 'agent_b');
    expect(refused.status).toBe(403);
    expect(refused.body).toMatchObject({ error_code: 'NOT_YOUR_SESSION', data: { agent_id: 'agent_a' } });
  });

  it('takes over the bot session for a manual task, as the same session', async () => {
    const { create } = flowSteps(system());
    const { rest } = system();
    const { body, data } = await create();
    const manual = { ...body, task_type: 'manual_urgent', send_content: undefined, external_task_id: 'm-1' };
    const answer = await rest.ok(rest.post('/api/sessions/create', manual));
    expect(answer).toMatchObject({
      session_id: data.session_id,
      taken_from_bot: true,
      state: 'transferred',
      status: 'pending_manual',
    });
    const again = await rest.post('/api/sessions/create', sessionBody({ ...body, external_task_id: 'ext-2' }));
    expect(again.status).toBe(409);
    expect(again.body.message).toContain('当前有人工会话');
  });

  it('holds the tasks of a paused session and continues after the resume', async () => {
    const { create, claim, sendInfo } = flowSteps(system());
    const { rest } = system();
    const { body, data } = await create();
    const lease = await claim(body.account_id);
    const paused = await rest.ok(rest.post(`/api/sessions/${data.session_id}/pause`, { reason: '等通知' }));
    expect(paused).toMatchObject({ state: 'paused', status: 'bot_active' });
    expect((await sendInfo(lease.task_id, lease.lease_token)).body.error_code).toBe('PAUSED');
    expect((await claim(body.account_id)).task_id).toBeNull();
    await rest.ok(rest.post(`/api/sessions/${data.session_id}/resume`));
    const again = await claim(body.account_id);
    expect(again.task_id).toBe(data.task_id);
    await rest.ok(sendInfo(again.task_id, again.lease_token));
  });

  it('adds tasks to an open session, and none while a human is in control', async () => {
    const { sentSession, claimAndFetch, takeOver } = flowSteps(system());
    const { rest } = system();
    const { sessionId, body } = await sentSession();
    const more = { external_task_id: 'more-1', send_content: '还在吗？' };
    const task = await rest.ok(rest.post(`/api/sessions/${sessionId}/tasks`, more));
    expect(task).toMatchObject({ session_id: sessionId, task_status: 'pending' });
    expect((await rest.ok(rest.post(`/api/sessions/${sessionId}/tasks`, more))).task_id).toBe(task.task_id);
    expect((await claimAndFetch(body.account_id)).content).toBe('还在吗？');
    await takeOver(sessionId);
    const refused = await rest.post(`/api/sessions/${sessionId}/tasks`, { ...more, external_task_id: 'more-2' });
    expect(refused.status).toBe(409);
    expect(refused.body.error_code).toBe('HANDED_OVER');
  });

  it('says whether an account and a shop have an open session', async () => {
    const { create } = flowSteps(system());
    const { rest } = system();
    const { body, data } = await create();
    const query = `account_id=${body.account_id}&shop_name=${encodeURIComponent(body.shop_name)}`;
    const open = await rest.ok(rest.get(`/api/sessions/open?${query}`));
    expect(open).toMatchObject({ has_active_session: true, session_id: data.session_id, created_by: 'robot' });
    const none = await rest.ok(rest.get(`/api/sessions/open?account_id=${body.account_id}&shop_id=nobody`));
    expect(none).toMatchObject({ has_active_session: false, session_id: null });
  });

  it('lists a session’s messages page by page', async () => {
    const { sentSession, upload } = flowSteps(system());
    const { rest } = system();
    const { sessionId, window } = await sentSession();
    for (let i = 0; i < 5; i++) window.shop(`第${i}条`);
    await upload(window);
    const last = await rest.ok(rest.get(`/api/sessions/${sessionId}/messages?limit=4`));
    expect(last.messages.map((m: { content: string }) => m.content)).toEqual(['第1条', '第2条', '第3条', '第4条']);
    const older = await rest.ok(
      rest.get(`/api/sessions/${sessionId}/messages?limit=4&page_token=${last.next_page_token}`),
    );
    expect(older.messages).toHaveLength(2);
    expect(older.next_page_token).toBe('');
  });
});
