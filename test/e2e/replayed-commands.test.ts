import { expect, it } from 'vitest';
import { onEveryBackend } from '../support/every-backend.ts';
import { unique } from '../support/factories.ts';
import { flowSteps } from '../support/flow-steps.ts';
import type { RestResponse } from '../support/http/rest-client.ts';

/** A command on a session, by name, and the request body for it. */
type Command = [name: string, body?: object];
const agent = { agent_id: 'a', agent_name: '王' };

onEveryBackend('a command repeated with its key', (system) => {
  const keyed = () => ({ 'idempotency-key': unique() });
  const ask = (id: string, [name, body = {}]: Command, headers: Record<string, string> = {}): Promise<RestResponse> =>
    name === 'escalate'
      ? system().rest.post('/api/manual/escalate', { session_id: id, ...body }, headers)
      : system().rest.post(`/api/sessions/${id}/${name}`, body, headers);
  /** Runs the commands in order, each with a key; the result repeats the one at `index`. */
  const play = async (commands: Command[]) => {
    const { sessionId } = await flowSteps(system()).sentSession();
    const keys: Record<string, string>[] = [];
    for (const command of commands) {
      const key = keyed();
      keys.push(key);
      await system().rest.ok(ask(sessionId, command, key));
    }
    return { sessionId, repeat: (index: number) => ask(sessionId, commands[index]!, keys[index]) };
  };

  const takeover: Command = ['takeover', agent];
  const release: Command = ['release', { agent_id: 'a' }];
  const close: Command = ['close', { outcome: 'cancelled' }];
  const superseded: [what: string, commands: Command[], now: object][] = [
    ['takeover after the release', [takeover, release], { state: 'active', status: 'bot_active' }],
    ['takeover after the close', [takeover, close], { state: 'cancelled', status: 'closed' }],
    ['escalation after the release', [['escalate'], release], { state: 'active', status: 'bot_active' }],
    ['pause after the resumption', [['pause'], ['resume']], { state: 'active', status: 'bot_active' }],
    ['pause after a takeover', [['pause'], takeover], { state: 'transferred', status: 'manual_live' }],
    [
      'release after the next takeover',
      [takeover, release, ['takeover', agent]],
      { state: 'transferred', status: 'manual_live' },
    ],
    ['resumption after the next pause', [['pause'], ['resume'], ['pause']], { state: 'paused', status: 'bot_active' }],
  ];
  it.each(superseded)('is refused when the command was undone: %s', async (what, commands, now) => {
    const { sessionId, repeat } = await play(commands);
    const index = ['release after', 'resumption after'].some((start) => what.startsWith(start)) ? 1 : 0;
    const answer = await repeat(index);
    expect([answer.status, answer.body.error_code]).toEqual([409, 'SUPERSEDED']);
    expect(answer.data).toEqual({ session_id: sessionId, ...now });
    expect(await flowSteps(system()).status(sessionId)).toMatchObject({ status: (now as { status: string }).status });
  });

  const standing: [what: string, commands: Command[], now: object][] = [
    ['escalation after its takeover', [['escalate'], takeover], { state: 'transferred', status: 'manual_live' }],
    ['close after the archiving', [close, ['archive']], { state: 'archived', status: 'closed' }],
    ['takeover after the same agent’s next', [takeover, release, takeover], { status: 'manual_live' }],
  ];
  it.each(standing)('reports the current state when the command still holds: %s', async (_, commands, now) => {
    const { repeat } = await play(commands);
    const answer = await repeat(0);
    expect(answer.status).toBe(200);
    expect(answer.data.session ?? answer.data).toMatchObject(now);
  });

  it('answers a repeated creation with the same ids and the session’s current state', async () => {
    const { rest } = system();
    const body = { idempotency_key: unique() };
    const { body: sent, data } = await flowSteps(system()).create(body);
    await rest.ok(flowSteps(system()).takeOver(data.session_id));
    const live = await rest.ok(rest.post('/api/sessions/create', sent));
    expect(live).toMatchObject({ ...data, state: 'transferred', status: 'manual_live' });
    await rest.ok(ask(data.session_id, close));
    const closed = await rest.ok(rest.post('/api/sessions/create', sent));
    expect(closed).toMatchObject({ task_id: data.task_id, state: 'cancelled', status: 'closed' });
  });

  it('answers a repeated further task with its current status', async () => {
    const { rest } = system();
    const { sessionId } = await flowSteps(system()).sentSession();
    const body = { external_task_id: unique(), send_content: unique() };
    const key = keyed();
    const add = () => rest.ok(rest.post(`/api/sessions/${sessionId}/tasks`, body, key));
    const first = await add();
    expect(first.task_status).toBe('pending');
    await rest.ok(flowSteps(system()).takeOver(sessionId));
    expect(await add()).toMatchObject({ task_id: first.task_id, task_status: 'cancelled' });
  });

  it('answers a repeated report with the task’s current status', async () => {
    const { rest } = system();
    const { sentSession, claimAndFetch } = flowSteps(system());
    const { body, sessionId } = await sentSession();
    const further = { external_task_id: unique(), send_content: unique() };
    await rest.ok(rest.post(`/api/sessions/${sessionId}/tasks`, further));
    const sent = await claimAndFetch(body.account_id);
    const key = keyed();
    const fail = () => rest.ok(rest.post(`/api/tasks/${sent.taskId}/fail`, { lease_token: sent.token }, key));
    const report = { success: false, task_id: sent.taskId, lease_token: sent.token };
    const reported = keyed();
    const complete = () => rest.ok(rest.post(`/api/sessions/${sent.sessionId}/complete`, report, reported));
    expect((await fail()).task_status).toBe('failed');
    expect((await complete()).task_status).toBe('failed');
    await rest.ok(rest.post(`/api/tasks/${sent.taskId}/requeue`));
    expect((await fail()).task_status).toBe('pending');
    expect((await complete()).task_status).toBe('pending');
  });

  it.each([
    ['cancel', 'cancelled'],
    ['complete', 'completed'],
  ])('gives a repeated %s of a task its present status', async (name, status) => {
    const { rest } = system();
    const { body, data } = await flowSteps(system()).create({ max_attempts: 2 });
    const key = keyed();
    const repeat = () => rest.ok(rest.post(`/api/tasks/${data.task_id}/${name}`, {}, key));
    const lease = await flowSteps(system()).claim(body.account_id);
    if (name === 'complete') await rest.ok(flowSteps(system()).sendInfo(lease.task_id, lease.lease_token));
    expect((await repeat()).task_status).toBe(status);
    if (name === 'cancel') await rest.ok(rest.post(`/api/tasks/${data.task_id}/complete`));
    expect((await repeat()).task_status).toBe('completed');
  });

  it('answers a repeated requeue with the task’s current status', async () => {
    const { rest } = system();
    const { body, data } = await flowSteps(system()).create();
    const lease = await flowSteps(system()).claim(body.account_id);
    const key = keyed();
    const requeue = () =>
      rest.ok(rest.post(`/api/tasks/${data.task_id}/requeue`, { lease_token: lease.lease_token }, key));
    expect((await requeue()).task_status).toBe('pending');
    await flowSteps(system()).claim(body.account_id);
    expect((await requeue()).task_status).toBe('leased');
  });
});
