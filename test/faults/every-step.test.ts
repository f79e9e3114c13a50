import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChatWindow, sessionBody, unique } from '../make.ts';
import type { RestAnswer } from '../rest-client.ts';
import { steps } from '../steps.ts';
import { startWorld, type World } from '../world.ts';
import { everythingHolds } from './at-rest.ts';
import { failingAt, passedBy, storedOf } from './faulty-request.ts';

type Headers = Record<string, string>;

/** A step of the main flow on a session of its own, as far as it was prepared. */
interface Prepared {
  /** Absent as long as the step itself makes the session. */
  readonly sessionId?: string;
  ask(headers: Headers): Promise<RestAnswer>;
}

const agent = { agent_id: 'agent_01', agent_name: '小王' };

/** Every write of the main flow: what goes before it, and the request itself. */
const flow: Record<string, (world: World) => Promise<Prepared>> = {
  create: async ({ rest }) => {
    const body = sessionBody();
    return { ask: (headers) => rest.post('/api/sessions/create', body, headers) };
  },
  'create on a slot that has run out': async (world) => {
    const { body } = await steps(world).create();
    world.clock.advance({ minutes: 2 });
    // by the request's limit: by its own the sweeper could be faster
    const next = { ...body, external_task_id: `ext-${unique()}`, max_inactive_minutes: 1 };
    return { ask: (headers) => world.rest.post('/api/sessions/create', next, headers) };
  },
  'create for a human': async (world) => {
    const { body, data } = await steps(world).create();
    const manual = { ...body, task_type: 'manual_urgent', external_task_id: `ext-${unique()}` };
    return { sessionId: data.session_id, ask: (headers) => world.rest.post('/api/sessions/create', manual, headers) };
  },
  'add a task': async (world) => {
    const { data } = await steps(world).create();
    const body = { external_task_id: `ext-${unique()}`, send_content: '在吗？' };
    const path = `/api/sessions/${data.session_id}/tasks`;
    return { sessionId: data.session_id, ask: (headers) => world.rest.post(path, body, headers) };
  },
  claim: async (world) => {
    const { body, data } = await steps(world).create();
    const path = `/api/tasks/next_id?account_id=${body.account_id}&worker_id=w-${unique()}`;
    return { sessionId: data.session_id, ask: (headers) => world.rest.get(path, headers) };
  },
  fetch: async (world) => {
    const { create, claim } = steps(world);
    const { body, data } = await create();
    const lease = await claim(body.account_id);
    const path = `/api/tasks/${lease.task_id}/send_info`;
    const token = { 'x-lease-token': lease.lease_token };
    return { sessionId: data.session_id, ask: (headers) => world.rest.get(path, { ...headers, ...token }) };
  },
  extend: (world) => onFetched(world, ({ taskId, token }) => [`/api/tasks/${taskId}/extend`, { lease_token: token }]),
  complete: (world) =>
    onFetched(world, ({ sessionId, token }) => [
      `/api/sessions/${sessionId}/complete`,
      { success: true, lease_token: token },
    ]),
  'complete without a token': (world) =>
    onFetched(world, ({ sessionId }) => [`/api/sessions/${sessionId}/complete`, { success: true }]),
  'report the last failure': (world) =>
    onFetched(world, ({ sessionId, token }) => [
      `/api/sessions/${sessionId}/complete`,
      { success: false, lease_token: token, error_message: 'window_closed' },
    ]),
  'report a failure before the last': (world) =>
    onFetched(
      world,
      ({ sessionId, token }) => [
        `/api/sessions/${sessionId}/complete`,
        { success: false, lease_token: token, error_message: 'window_closed' },
      ],
      { max_attempts: 2 },
    ),
  'cancel a task': async (world) => {
    const { data } = await steps(world).create();
    return onSession(world, data.session_id, `/api/tasks/${data.task_id}/cancel`, {});
  },
  'upload what a human typed': async (world) => {
    const { body, data } = await steps(world).create();
    const batch = new ChatWindow(body, () => world.clock.now()).shop('在').account('我是人工').batch();
    return onSession(world, data.session_id, '/api/messages/batch', batch);
  },
  escalate: async (world) => {
    const { data } = await steps(world).create();
    return onSession(world, data.session_id, '/api/manual/escalate', { session_id: data.session_id });
  },
  'take over while content is out': (world) =>
    onFetched(world, ({ sessionId }) => [`/api/sessions/${sessionId}/takeover`, agent]),
  release: async (world) => {
    const { create, takeOver } = steps(world);
    const { data } = await create();
    await world.rest.ok(takeOver(data.session_id));
    return onSession(world, data.session_id, `/api/sessions/${data.session_id}/release`, agent);
  },
  pause: async (world) => {
    const { data } = await steps(world).create();
    return onSession(world, data.session_id, `/api/sessions/${data.session_id}/pause`, {});
  },
  resume: async (world) => {
    const { data } = await steps(world).create();
    await world.rest.ok(world.rest.post(`/api/sessions/${data.session_id}/pause`));
    return onSession(world, data.session_id, `/api/sessions/${data.session_id}/resume`, {});
  },
  close: async (world) => {
    const { data } = await steps(world).create();
    return onSession(world, data.session_id, `/api/sessions/${data.session_id}/close`, { outcome: 'completed' });
  },
  archive: async (world) => {
    const { data } = await steps(world).create();
    await world.rest.ok(world.rest.post(`/api/sessions/${data.session_id}/close`, { outcome: 'completed' }));
    return onSession(world, data.session_id, `/api/sessions/${data.session_id}/archive`, {});
  },
};

function onSession({ rest }: World, sessionId: string, path: string, body: object): Prepared {
  return { sessionId, ask: (headers) => rest.post(path, body, headers) };
}

async function onFetched(
  world: World,
  request: (sent: { sessionId: string; taskId: string; token: string }) => [path: string, body: object],
  over: Record<string, unknown> = {},
): Promise<Prepared> {
  const { create, claimAndFetch } = steps(world);
  const { body } = await create(over);
  const sent = await claimAndFetch(body.account_id);
  return onSession(world, sent.sessionId, ...request(sent));
}

/** What an answer says beside ids and times. */
function saidBy({ status, body, data }: RestAnswer) {
  const words = ['state', 'status', 'task_status', 'success', 'taken_from_bot', 'session_state'];
  return { http: status, success: body.success, ...Object.fromEntries(words.map((word) => [word, data?.[word]])) };
}

const sessionOf = (prepared: Prepared, answer: RestAnswer): string => prepared.sessionId ?? answer.data.session_id;

describe.each(Object.keys(flow))('%s, with a fault', (name) => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld('embedded');
  });
  afterAll(() => world[Symbol.asyncDispose]());
  const prepare = () => flow[name]!(world);

  /** What an undisturbed request leads to, and how many places there are to disturb one. */
  async function undisturbed(keyed: Headers) {
    const prepared = await prepare();
    const { answer, passed } = await passedBy((headers) => prepared.ask({ ...headers, ...keyed }));
    expect(answer.status).toBe(200);
    return { said: saidBy(answer), passed, stored: await storedOf(world, sessionOf(prepared, answer)) };
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
        await failingAt(nth, (headers) => prepared.ask({ ...headers, ...keyed }));
        const answer = await prepared.ask(keyed);
        expect(saidBy(answer), place).toEqual(expected.said);
        const stored = await storedOf(world, sessionOf(prepared, answer));
        expect(stored, place).toEqual(expected.stored);
      }
      await everythingHolds(world);
    },
  );

  it('thrown once, anywhere, and never repeated: the system converges by itself', async () => {
    const { passed } = await undisturbed({});
    for (const nth of passed.keys()) {
      const prepared = await prepare();
      await failingAt(nth, prepared.ask);
    }
    world.clock.advance({ seconds: 11 }); // what was stored and not judged is looked for then
    await everythingHolds(world);
  });
});
