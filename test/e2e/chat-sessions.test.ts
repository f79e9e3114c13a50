import { expect, it } from 'vitest';
import { SessionDetailService } from '../../gen/autosession/conversation/v1/session_detail_service_pb.js';
import { chatSteps } from '../support/chat-steps.ts';
import { eventually } from '../support/eventually.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { unique } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';

onEveryBackend('a chat session', (system) => {
  const escalate = (name: string, fields: object = {}) =>
    system().rest.post('/api/manual/escalate', { session_name: name, ...fields });

  it('is one for 20 concurrent first uses of its name', async () => {
    const name = `chat-${unique()}`;
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        i % 2 ? escalate(name) : system().rest.post('/api/chat', { user_id: name, message: `你好 ${i}` }),
      ),
    );
    const sessionIds = answers.map(({ status, body }) => {
      if (status === 409) return body.data.session_id; // escalated before its message came
      expect(status, JSON.stringify(body)).toBe(200);
      return body.session_id ?? body.data.session_id;
    });
    expect(new Set(sessionIds).size).toBe(1);
    expect(sessionIds[0]).toMatch(/^ses_/);
  });

  it('is found by its name and by its id, by every route', async () => {
    const { rest } = system();
    const name = `访客 ${unique()}`;
    const { session_id: sessionId } = await rest.ok(escalate(name, { details: '想退货' }));
    for (const reference of [encodeURIComponent(name), sessionId]) {
      const detail = await rest.ok(rest.get(`/api/sessions/${reference}`));
      expect(detail.session).toMatchObject({ session_id: sessionId, session_name: name });
      const status = await rest.ok(rest.get(`/api/sessions/${reference}/status`));
      expect(status).toMatchObject({ session_id: sessionId, session_name: name, status: 'pending_manual' });
      expect(await rest.ok(rest.get(`/api/sessions/${reference}/messages`))).toMatchObject({ messages: [] });
      const end = new AbortController();
      await rest.stream(`/api/sessions/${reference}/events`, end.signal);
      end.abort();
    }
    for (const path of ['', '/status', '/messages', '/events'])
      expect((await rest.get(`/api/sessions/nobody-${unique()}${path}`)).body.error_code).toBe('SESSION_NOT_FOUND');
  });

  it('tells the page that escalates it whether agents are at work, in data and beside it', async () => {
    const answer = await escalate(`chat-${unique()}`);
    const atWork = { is_in_shift: true, email_sent: false };
    expect(answer.body).toMatchObject({ ...atWork, data: { ...atWork, assigned_agent: null, history: [] } });
  });

  it('that is closed leaves its name free: the next use opens another one', async () => {
    const { rest } = system();
    const name = `chat-${unique()}`;
    const first = await rest.ok(escalate(name));
    await rest.ok(rest.post(`/api/sessions/${name}/close`));
    const closed = await rest.ok(rest.get(`/api/sessions/${name}`));
    expect(closed.session).toMatchObject({ session_id: first.session_id, status: 'closed', state: 'completed' });
    const second = await rest.ok(escalate(name));
    expect(second.session_id).not.toBe(first.session_id);
    expect((await rest.ok(rest.get(`/api/sessions/${name}`))).session.session_id).toBe(second.session_id);
  });

  it('cannot have a name that routes could take for something else', async () => {
    for (const name of ['ses_mine', 'a/b', 'open', 'queue', 'create']) {
      const refused = await system().rest.post('/api/chat', { user_id: name, message: '你好' });
      expect([name, refused.status, refused.body.error_code]).toEqual([name, 400, 'INVALID_ARGUMENT']);
    }
  });

  it('is not a session of an account and a shop', async () => {
    const { data } = await flowSteps(system()).create();
    const refused = await system().rest.post('/api/chat', { user_id: data.session_id, message: '你好' });
    expect([refused.status, refused.body.error_code]).toEqual([409, 'INVALID_STATUS']);
    const name = `chat-${unique()}`;
    await system().rest.ok(escalate(name));
    const task = { external_task_id: unique(), send_content: '在吗' };
    const noTask = await system().rest.post(`/api/sessions/${name}/tasks`, task);
    expect([noTask.status, noTask.body.error_code]).toEqual([409, 'INVALID_STATUS']);
  });

  it('is shown as a whole, with history, escalation, agent and audit', async () => {
    const { rest, name, chat } = chatSteps(system());
    await chat('你好', { parameters: { vip: true } });
    await rest.ok(escalate(name, { reason: 'keyword', severity: 'high', details: '投诉' })); // pending already: the same answer
    const waiting = await rest.ok(rest.get(`/api/sessions/${name}`));
    expect(waiting.session).toMatchObject({
      status: 'pending_manual',
      escalation: { reason: 'vip', severity: 'high', details: 'rule vip' },
      user_profile: { user_id: name, nickname: name, vip: true },
      priority: { level: 'urgent', is_vip: true, urgent_keywords: [] },
      assigned_agent: null,
      version: 2,
    });
    await rest.ok(rest.post(`/api/sessions/${name}/takeover`, { agent_id: 'agent_01', agent_name: '小王' }));
    const detail = await eventually(async () => {
      const found = await rest.ok(rest.get(`/api/sessions/${name}?history=1`));
      if (found.audit_trail.length < 3) throw new Error(`${found.audit_trail.length} of 3 audit entries`);
      return found;
    });
    const agent = { agent_id: 'agent_01', agent_name: '小王', id: 'agent_01', name: '小王' };
    expect(detail.session).toMatchObject({ status: 'manual_live', state: 'transferred', assigned_agent: agent });
    expect(detail.session.history).toHaveLength(1);
    expect(detail.session.history[0]).toMatchObject({ role: 'assistant', timestamp: expect.any(Number) });
    expect(detail.audit_trail.map(({ action }: { action: string }) => action)).toEqual([
      'open',
      'escalate',
      'take_over',
    ]);
    expect(detail.audit_unavailable).toBe(false);
    const overRpc = await system().rpc(SessionDetailService).getSessionDetail({ session: name });
    expect(overRpc).toMatchObject({ session: { sessionName: name }, auditTrail: [{}, {}, {}] });
  });

  it('reminds people with its name, since it has no account and no shop', async () => {
    const { rest } = system();
    const name = `chat-${unique()}`;
    const { session_id: sessionId } = await rest.ok(escalate(name));
    const end = new AbortController();
    const frames = await rest.stream(`/api/sessions/${sessionId}/events?types=reminder`, end.signal);
    await rest.ok(rest.post(`/api/sessions/${name}/release`, { agent_id: 'a' }));
    await rest.ok(escalate(name));
    const reminder = await frames.next();
    end.abort();
    expect(reminder.value.data.text).toBe(`会话 ${name}：会话等待人工接管`);
  });

  it('expires a day after its last activity, but not while a human is requested', async () => {
    const { rest, clock } = system();
    const [waiting, quiet] = [`chat-${unique()}`, `chat-${unique()}`];
    await rest.ok(escalate(waiting));
    await chatSteps(system(), quiet).chat('你好');
    clock.advance({ hours: 25 });
    await eventually(async () => {
      const { state } = (await rest.ok(rest.get(`/api/sessions/${quiet}`))).session;
      if (state !== 'expired') throw new Error(`still ${state}`);
    });
    expect((await rest.ok(rest.get(`/api/sessions/${waiting}`))).session.status).toBe('pending_manual');
    const again = await chatSteps(system(), quiet).chat('还在吗');
    expect(again.status).toBe(200);
  });
});
