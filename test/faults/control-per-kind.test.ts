import { describe, expect, it } from 'vitest';
import { sessionBody, unique } from '../support/factories.ts';
import { startProcesses } from '../support/processes/start-processes.ts';
import { sharedServersAvailable } from '../support/servers/shared-servers.ts';

const agent = { agent_id: 'agent_01', agent_name: '小王' };

describe.runIf(sharedServersAvailable)('control of one kind of session', () => {
  it('changes in chats while task-dispatch is down', async () => {
    await using installation = await startProcesses('gateway,session,message-analysis,handover', 'task-dispatch');
    const [main, tasks] = installation.processes;
    const { rest } = main!;
    await tasks!.running[Symbol.asyncDispose]();
    const name = `chat-${unique()}`;
    await rest.post('/api/chat', { user_id: name, message: '你好' }).then(({ status }) => expect(status).toBe(200));
    await rest.ok(rest.post('/api/manual/escalate', { session_name: name }));
    await rest.ok(rest.post(`/api/sessions/${name}/takeover`, agent));
    expect(await rest.ok(rest.get(`/api/sessions/${name}/status`))).toMatchObject({ status: 'manual_live' });
    expect(await rest.ok(rest.get(`/api/sessions/${name}`))).toMatchObject({ session: { status: 'manual_live' } });
    await rest.ok(rest.post(`/api/sessions/${name}/release`, agent));
    await rest.ok(rest.post(`/api/sessions/${name}/pause`));
    await rest.ok(rest.post(`/api/sessions/${name}/close`));
  });

  it('changes in sessions of an account and a shop while message-analysis is down', async () => {
    await using installation = await startProcesses('gateway,session,task-dispatch,handover', 'message-analysis');
    const [main, messages] = installation.processes;
    const { rest } = main!;
    await messages!.running[Symbol.asyncDispose]();
    const { session_id: sessionId } = await rest.ok(rest.post('/api/sessions/create', sessionBody()));
    const escalated = await rest.ok(rest.post('/api/manual/escalate', { session_id: sessionId }));
    expect(escalated).toMatchObject({ status: 'pending_manual', history: [], history_unavailable: true });
    await rest.ok(rest.post(`/api/sessions/${sessionId}/takeover`, agent));
    await rest.ok(rest.post(`/api/sessions/${sessionId}/release`, agent));
    await rest.ok(rest.post(`/api/sessions/${sessionId}/pause`));
    await rest.ok(rest.post(`/api/sessions/${sessionId}/close`));
  });

  it('is shown without its audit while handover is down', async () => {
    await using installation = await startProcesses('gateway,session,message-analysis,task-dispatch', 'handover');
    const [main, handover] = installation.processes;
    const { rest } = main!;
    await handover!.running[Symbol.asyncDispose]();
    const { session_id: sessionId } = await rest.ok(rest.post('/api/sessions/create', sessionBody()));
    const detail = await rest.ok(rest.get(`/api/sessions/${sessionId}`));
    expect(detail).toMatchObject({ session: { session_id: sessionId }, audit_trail: [], audit_unavailable: true });
  });
});
