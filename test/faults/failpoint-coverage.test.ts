import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChatWindow, sessionBody, unique } from '../support/factories.ts';
import { assertInvariants } from '../support/faults/assert-invariants.ts';
import { failAtFailpoint, readStoredState, recordFailpoints } from '../support/faults/failpoint-request.ts';
import { flowSteps } from '../support/flow-steps.ts';
import type { RestResponse } from '../support/http/rest-client.ts';
import { startTestSystem, type TestSystem } from '../support/test-system.ts';

type Headers = Record<string, string>;

/** A step of the main flow on a session of its own, as far as it was prepared. */
interface PreparedStep {
  /** Absent as long as the step itself makes the session. */
  readonly sessionId?: string;
  ask(headers: Headers): Promise<RestResponse>;
}

const agent = { agent_id: 'agent_01', agent_name: '小王' };

/** A session of an account and a shop that the agent has taken over. */
async function attendedSession(system: TestSystem): Promise<string> {
  const { create, takeOver } = flowSteps(system);
  const { data } = await create();
  await system.rest.ok(takeOver(data.session_id));
  return data.session_id;
}

/** A message of the agent. Without an idempotency key it has an id of its own: a repeat without any would be another message. */
function wordsOf(sessionId: string, headers: Headers = {}, id?: string) {
  const words = { session_name: sessionId, role: 'agent', content: '您好', agent_info: agent };
  return headers['idempotency-key'] ? words : { ...words, client_message_id: id };
}

/** Every write of the main flow: what goes before it, and the request itself. */
const flow: Record<string, (system: TestSystem) => Promise<PreparedStep>> = {
  create: async ({ rest }) => {
    const body = sessionBody();
    return { ask: (headers) => rest.post('/api/sessions/create', body, headers) };
  },
  'create on a slot that has run out': async (system) => {
    const { body } = await flowSteps(system).create();
    system.clock.advance({ minutes: 2 });
    // by the request's limit: by its own the sweeper could be faster
    const next = { ...body, external_task_id: `ext-${unique()}`, max_inactive_minutes: 1 };
    return { ask: (headers) => system.rest.post('/api/sessions/create', next, headers) };
  },
  'create for a human': async (system) => {
    const { body, data } = await flowSteps(system).create();
    const manual = { ...body, task_type: 'manual_urgent', external_task_id: `ext-${unique()}` };
    return { sessionId: data.session_id, ask: (headers) => system.rest.post('/api/sessions/create', manual, headers) };
  },
  'add a task': async (system) => {
    const { data } = await flowSteps(system).create();
    const body = { external_task_id: `ext-${unique()}`, send_content: '在吗？' };
    const path = `/api/sessions/${data.session_id}/tasks`;
    return { sessionId: data.session_id, ask: (headers) => system.rest.post(path, body, headers) };
  },
  claim: async (system) => {
    const { body, data } = await flowSteps(system).create();
    const path = `/api/tasks/next_id?account_id=${body.account_id}&worker_id=w-${unique()}`;
    return { sessionId: data.session_id, ask: (headers) => system.rest.get(path, headers) };
  },
  fetch: async (system) => {
    const { create, claim } = flowSteps(system);
    const { body, data } = await create();
    const lease = await claim(body.account_id);
    const path = `/api/tasks/${lease.task_id}/send_info`;
    const token = { 'x-lease-token': lease.lease_token };
    return { sessionId: data.session_id, ask: (headers) => system.rest.get(path, { ...headers, ...token }) };
  },
  extend: (system) => onFetched(system, ({ taskId, token }) => [`/api/tasks/${taskId}/extend`, { lease_token: token }]),
  complete: (system) =>
    onFetched(system, ({ sessionId, token }) => [
      `/api/sessions/${sessionId}/complete`,
      { success: true, lease_token: token },
    ]),
  'complete without a token': (system) =>
    onFetched(system, ({ sessionId }) => [`/api/sessions/${sessionId}/complete`, { success: true }]),
  'report the last failure': (system) =>
    onFetched(system, ({ sessionId, token }) => [
      `/api/sessions/${sessionId}/complete`,
      { success: false, lease_token: token, error_message: 'window_closed' },
    ]),
  'report a failure before the last': (system) =>
    onFetched(
      system,
      ({ sessionId, token }) => [
        `/api/sessions/${sessionId}/complete`,
        { success: false, lease_token: token, error_message: 'window_closed' },
      ],
      { max_attempts: 2 },
    ),
  'write as an agent': async (system) => {
    const sessionId = await attendedSession(system);
    const id = `msg-${unique()}`;
    return {
      sessionId,
      ask: (headers) => system.rest.post('/api/manual/messages', wordsOf(sessionId, headers, id), headers),
    };
  },
  'release with words of the agent that wait': async (system) => {
    const sessionId = await attendedSession(system);
    await system.rest.ok(system.rest.post('/api/manual/messages', wordsOf(sessionId)));
    const path = `/api/sessions/${sessionId}/release`;
    return { sessionId, ask: (headers) => system.rest.post(path, { agent_id: agent.agent_id }, headers) };
  },
  'cancel a task': async (system) => {
    const { data } = await flowSteps(system).create();
    return onSession(system, data.session_id, `/api/tasks/${data.task_id}/cancel`, {});
  },
  'upload what a human typed': async (system) => {
    const { body, data } = await flowSteps(system).create();
    const batch = new ChatWindow(body, () => system.clock.now()).shop('在').account('我是人工').batch();
    return onSession(system, data.session_id, '/api/messages/batch', batch);
  },
  escalate: async (system) => {
    const { data } = await flowSteps(system).create();
    return onSession(system, data.session_id, '/api/manual/escalate', { session_id: data.session_id });
  },
  'take over while content is out': (system) =>
    onFetched(system, ({ sessionId }) => [`/api/sessions/${sessionId}/takeover`, agent]),
  release: async (system) => {
    const { create, takeOver } = flowSteps(system);
    const { data } = await create();
    await system.rest.ok(takeOver(data.session_id));
    return onSession(system, data.session_id, `/api/sessions/${data.session_id}/release`, agent);
  },
  pause: async (system) => {
    const { data } = await flowSteps(system).create();
    return onSession(system, data.session_id, `/api/sessions/${data.session_id}/pause`, {});
  },
  resume: async (system) => {
    const { data } = await flowSteps(system).create();
    await system.rest.ok(system.rest.post(`/api/sessions/${data.session_id}/pause`));
    return onSession(system, data.session_id, `/api/sessions/${data.session_id}/resume`, {});
  },
  close: async (system) => {
    const { data } = await flowSteps(system).create();
    return onSession(system, data.session_id, `/api/sessions/${data.session_id}/close`, { outcome: 'completed' });
  },
  archive: async (system) => {
    const { data } = await flowSteps(system).create();
    await system.rest.ok(system.rest.post(`/api/sessions/${data.session_id}/close`, { outcome: 'completed' }));
    return onSession(system, data.session_id, `/api/sessions/${data.session_id}/archive`, {});
  },
};

function onSession({ rest }: TestSystem, sessionId: string, path: string, body: object): PreparedStep {
  return { sessionId, ask: (headers) => rest.post(path, body, headers) };
}

async function onFetched(
  system: TestSystem,
  request: (sent: { sessionId: string; taskId: string; token: string }) => [path: string, body: object],
  overrides: Record<string, unknown> = {},
): Promise<PreparedStep> {
  const { create, claimAndFetch } = flowSteps(system);
  const { body } = await create(overrides);
  const sent = await claimAndFetch(body.account_id);
  return onSession(system, sent.sessionId, ...request(sent));
}

/** What an answer says beside ids and times. */
function outcomeOf({ status, body, data }: RestResponse) {
  const words = ['state', 'status', 'task_status', 'success', 'taken_from_bot', 'session_state'];
  return { http: status, success: body.success, ...Object.fromEntries(words.map((word) => [word, data?.[word]])) };
}

const sessionOf = (prepared: PreparedStep, answer: RestResponse): string =>
  prepared.sessionId ?? answer.data.session_id;

describe.each(Object.keys(flow))('%s, with a fault', (name) => {
  let system: TestSystem;
  beforeAll(async () => {
    system = await startTestSystem('embedded');
  });
  afterAll(() => system[Symbol.asyncDispose]());
  const prepare = () => flow[name]!(system);

  /** The result of a request without a fault, and the number of its failpoints. */
  async function undisturbed(keyed: Headers) {
    const prepared = await prepare();
    const { answer, passed } = await recordFailpoints((headers) => prepared.ask({ ...headers, ...keyed }));
    expect(answer.status).toBe(200);
    return { said: outcomeOf(answer), passed, stored: await readStoredState(system, sessionOf(prepared, answer)) };
  }

  it.each(['without a key', 'with an idempotency key'])(
    'thrown once, anywhere: the repeat %s succeeds and the state converges',
    async (how) => {
      const key = (): Headers => (how === 'without a key' ? {} : { 'idempotency-key': randomUUID() });
      const expected = await undisturbed(key());
      expect(expected.passed.length).toBeGreaterThan(1);
      for (const [nth, place] of expected.passed.entries()) {
        const prepared = await prepare();
        const keyed = key();
        await failAtFailpoint(nth, (headers) => prepared.ask({ ...headers, ...keyed }));
        const answer = await prepared.ask(keyed);
        expect(outcomeOf(answer), place).toEqual(expected.said);
        const stored = await readStoredState(system, sessionOf(prepared, answer));
        expect(stored, place).toEqual(expected.stored);
      }
      await assertInvariants(system);
    },
  );

  it('thrown once, anywhere, and never repeated: the system converges by itself', async () => {
    const { passed } = await undisturbed({});
    for (const nth of passed.keys()) {
      const prepared = await prepare();
      await failAtFailpoint(nth, prepared.ask);
    }
    system.clock.advance({ seconds: 11 }); // stored messages without a verdict are evaluated then
    await assertInvariants(system);
  });
});
