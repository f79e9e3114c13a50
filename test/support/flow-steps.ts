import { eventually } from './eventually.ts';
import { ChatWindow, sessionBody } from './factories.ts';
import type { Json } from './http/rest-client.ts';
import type { TestSystem } from './test-system.ts';

type Body = ReturnType<typeof sessionBody>;

/** A task that a sender has fetched. */
export interface FetchedTask {
  readonly taskId: string;
  readonly sessionId: string;
  readonly token: string;
  readonly content: string;
}

/** The steps of the main flow. */
export function flowSteps(system: TestSystem) {
  const { rest } = system;
  const create = async (overrides: Record<string, unknown> = {}): Promise<{ body: Body; data: Json }> => {
    const body = sessionBody(overrides);
    return { body, data: await rest.ok(rest.post('/api/sessions/create', body)) };
  };
  /** Claims a task of this account only, so not the tasks of other tests. */
  const claim = async (accountId: string, query = ''): Promise<Json> =>
    (await rest.get(`/api/tasks/next_id?account_id=${encodeURIComponent(accountId)}${query}`)).data;
  const sendInfo = (taskId: string, token?: string) =>
    rest.get(`/api/tasks/${taskId}/send_info`, token ? { 'x-lease-token': token } : {});
  const complete = (sessionId: string, body: Record<string, unknown> = {}) =>
    rest.post(`/api/sessions/${sessionId}/complete`, { success: true, ...body });
  const claimAndFetch = async (accountId: string): Promise<FetchedTask> => {
    const lease = await claim(accountId);
    const info = await rest.ok(sendInfo(lease.task_id, lease.lease_token));
    return {
      taskId: lease.task_id,
      sessionId: lease.session_id,
      token: lease.lease_token,
      content: info.send_content,
    };
  };
  const upload = (window: ChatWindow, overrides: Record<string, unknown> = {}): Promise<Json> =>
    rest.ok(rest.post('/api/messages/batch', window.batch(overrides)));
  const status = (sessionId: string): Promise<Json> => rest.ok(rest.get(`/api/sessions/${sessionId}/status`));
  const takeOver = (sessionId: string, agent = 'agent_01') =>
    rest.post(`/api/sessions/${sessionId}/takeover`, { agent_id: agent, agent_name: `客服${agent}` });
  const sayAsAgent = (session: string, content: string, fields: object = {}, agent = 'agent_01') =>
    rest.post('/api/manual/messages', {
      session_name: session,
      role: 'agent',
      content,
      agent_info: { agent_id: agent, agent_name: `客服${agent}` },
      ...fields,
    });
  const release = (sessionId: string, agent = 'agent_01') =>
    rest.post(`/api/sessions/${sessionId}/release`, { agent_id: agent });
  /** A session whose first message was sent, completed and seen by the receiver. */
  const sentSession = async (overrides: Record<string, unknown> = {}) => {
    const { body, data } = await create(overrides);
    const sent = await claimAndFetch(body.account_id);
    await rest.ok(complete(sent.sessionId, { task_id: sent.taskId, lease_token: sent.token }));
    const window = new ChatWindow(body, () => system.clock.now()).account(sent.content);
    const batch = await upload(window);
    return { body, sessionId: data.session_id as string, sent, window, batch };
  };
  const settled = (sessionId: string, expected: Record<string, unknown>) =>
    eventually(async () => {
      const actual = await status(sessionId);
      for (const [key, value] of Object.entries(expected))
        if (actual[key] !== value) throw new Error(`${key} is ${actual[key]}, not yet ${value}`);
      return actual;
    });
  return {
    create,
    claim,
    sendInfo,
    complete,
    claimAndFetch,
    upload,
    status,
    takeOver,
    sayAsAgent,
    release,
    sentSession,
    settled,
  };
}
