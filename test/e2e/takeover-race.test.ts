import { expect, it } from 'vitest';
import { onEveryBackend } from '../support/every-backend.ts';
import { sessionBody, unique } from '../support/factories.ts';

const SESSIONS = 300;
const SENDERS = 16;

interface Fetched {
  readonly taskId: string;
  /** When the request was sent, in milliseconds of this process. */
  readonly startedAt: number;
}

interface Taken {
  readonly acknowledgedAt: number;
  readonly possiblySent: ReadonlySet<string>;
}

onEveryBackend('a takeover', (system) => {
  it('stops every fetch that starts after it, and lists every earlier one, in 300 races', {
    timeout: 180_000,
  }, async () => {
    const { rest } = system();
    const platform = `race${unique()}`;
    const sessions = await inBatches(SESSIONS, 30, () =>
      rest.ok(rest.post('/api/sessions/create', sessionBody({ platform }))),
    );
    const fetched = new Map<string, Fetched>();
    const taken = new Map<string, Taken>();
    let left = sessions.length;

    const sender = async () => {
      while (left > 0) {
        const { data } = await rest.get(`/api/tasks/next_id?platform=${platform}`);
        if (!data.task_id) continue;
        const startedAt = performance.now();
        const info = await rest.get(`/api/tasks/${data.task_id}/send_info`, { 'x-lease-token': data.lease_token });
        if (info.status === 200) fetched.set(data.session_id, { taskId: data.task_id, startedAt });
        else expect(info.body.error_code).toBe('HANDED_OVER');
      }
    };
    const agents = async () => {
      for (const { session_id: id } of sessions.toSorted(() => Math.random() - 0.5)) {
        const answer = await rest.ok(
          rest.post(`/api/sessions/${id}/takeover`, { agent_id: 'agent_01', agent_name: '小王' }),
        );
        const acknowledgedAt = performance.now();
        const out = answer.possibly_sent.map((sent: { task_id: string }) => sent.task_id);
        taken.set(id, { acknowledgedAt, possiblySent: new Set(out) });
        left -= 1;
      }
    };
    await Promise.all([agents(), ...Array.from({ length: SENDERS }, sender)]);

    expect(taken.size).toBe(SESSIONS);
    for (const [id, takeover] of taken) {
      const fetch = fetched.get(id);
      if (!fetch) {
        expect(takeover.possiblySent.size).toBe(0);
        continue;
      }
      expect(fetch.startedAt).toBeLessThan(takeover.acknowledgedAt);
      expect(takeover.possiblySent).toContain(fetch.taskId);
    }
    // the race was one: some fetches won, some takeovers did
    expect(fetched.size).toBeGreaterThan(0);
    expect(fetched.size).toBeLessThan(SESSIONS);
  });

  it('leaves nothing to claim in the session', async () => {
    const { rest } = system();
    const body = sessionBody();
    const { session_id: id } = await rest.ok(rest.post('/api/sessions/create', body));
    await rest.ok(rest.post(`/api/sessions/${id}/takeover`, { agent_id: 'a', agent_name: '小王' }));
    expect((await rest.get(`/api/tasks/next_id?account_id=${body.account_id}`)).data.task_id).toBeNull();
    await rest.ok(rest.post(`/api/sessions/${id}/release`, { agent_id: 'a' }));
    expect((await rest.get(`/api/tasks/next_id?account_id=${body.account_id}`)).data.task_id).toBeNull();
    const tasks = await rest.ok(rest.get('/api/tasks?status=cancelled&page_size=200'));
    const task = tasks.tasks.find((t: { session_id: string }) => t.session_id === id);
    expect(task).toMatchObject({ error_message: 'handed_over' });
  });
});

async function inBatches<T>(count: number, size: number, make: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  while (all.length < count) all.push(...(await Promise.all(Array.from({ length: size }, make))));
  return all;
}
