import { expect, it } from 'vitest';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { tryGetContext } from '../../services/lib/runtime/request-context.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { sessionBody, unique } from '../support/factories.ts';
import { assertInvariants } from '../support/faults/assert-invariants.ts';
import { type NoSendWindow, operationsInNoSendWindow, type SendOperation } from '../support/faults/no-send-window.ts';
import { flowSteps } from '../support/flow-steps.ts';
import { seededRandom } from '../support/seeded-random.ts';
import type { TestSystem } from '../support/test-system.ts';

const SESSIONS = 20;
const COMMANDS = 14;
const SENDERS = 5;
/** How many of the failpoints that a request passes throw. */
const FAULT_RATE = 0.04;

const commands: Record<string, { path: (id: string) => string; body: object; stopsSending?: boolean }> = {
  takeover: {
    path: (id) => `/api/sessions/${id}/takeover`,
    body: { agent_id: 'a', agent_name: '王' },
    stopsSending: true,
  },
  escalate: { path: () => '/api/manual/escalate', body: {}, stopsSending: true },
  pause: { path: (id) => `/api/sessions/${id}/pause`, body: {}, stopsSending: true },
  release: { path: (id) => `/api/sessions/${id}/release`, body: { agent_id: 'a' } },
  resume: { path: (id) => `/api/sessions/${id}/resume`, body: {} },
  add: { path: (id) => `/api/sessions/${id}/tasks`, body: {} },
};

/** The agent of one session: runs commands one after another and records the no-send windows. */
async function runAgent(
  system: TestSystem,
  id: string,
  random: () => number,
  noSendWindows: Map<string, NoSendWindow[]>,
) {
  const ownWindows: NoSendWindow[] = [];
  noSendWindows.set(id, ownWindows);
  const names = Object.keys(commands);
  for (let count = 0; count < COMMANDS; count++) {
    const name = names[Math.floor(random() * names.length)]!;
    const { path, body, stopsSending } = commands[name]!;
    const startedAt = performance.now();
    // control is unknown from here on, until a command that takes it from the bot is acknowledged
    if (name === 'release' || name === 'resume')
      for (const noSendWindow of ownWindows) noSendWindow.until = Math.min(noSendWindow.until, startedAt);
    const text = name === 'add' ? { external_task_id: unique(), send_content: `在吗 ${unique()}` } : {};
    const epoch = await readEpochs(system, id);
    const answer = await system.rest.post(path(id), {
      ...body,
      ...text,
      ...(name === 'escalate' ? { session_id: id } : {}),
    });
    if (answer.status !== 200) continue;
    const answeredAt = performance.now();
    const { fence } = await readEpochs(system, id);
    if (name !== 'add') expect(fence, `${name} of ${id}`).toBeGreaterThanOrEqual(epoch.session);
    if (answer.data.session) expect(fence, `${name} of ${id}`).toBeGreaterThanOrEqual(answer.data.session.owner_epoch);
    if (stopsSending) ownWindows.push({ from: answeredAt, until: Number.POSITIVE_INFINITY });
  }
}

async function readEpochs({ process }: TestSystem, id: string): Promise<{ session: number; fence: number }> {
  interface Tables {
    sessions: { session_id: string; owner_epoch: number };
    session_fence: { session_id: string; owner_epoch: number };
  }
  const db = process.deps.db.autocommit<Tables>();
  const of = async (table: keyof Tables) =>
    (await db.selectFrom(table).select('owner_epoch').where('session_id', '=', id).executeTakeFirst())?.owner_epoch;
  return { session: (await of('sessions')) ?? 0, fence: (await of('session_fence')) ?? 0 };
}

/** A sender: claims, fetches and reports, until the agents are done. */
async function runSender(
  { rest }: TestSystem,
  platform: string,
  random: () => number,
  operations: SendOperation[],
  done: () => boolean,
) {
  while (!done()) {
    const claimedAt = performance.now();
    const { data } = await rest.get(`/api/tasks/next_id?platform=${platform}`);
    if (!data?.task_id) continue;
    const { task_id: taskId, session_id: sessionId, lease_token: token } = data;
    operations.push({ kind: `claim of ${taskId}`, sessionId, startedAt: claimedAt, endedAt: performance.now() });
    const startedAt = performance.now();
    const info = await rest.get(`/api/tasks/${taskId}/send_info`, { 'x-lease-token': token });
    const endedAt = performance.now();
    if (info.status === 200) operations.push({ kind: `fetch of ${taskId}`, sessionId, startedAt, endedAt });
    const report = { success: random() < 0.9, task_id: taskId, lease_token: token };
    await rest.post(`/api/sessions/${sessionId}/complete`, report);
  }
}

onEveryBackend('agents, senders and faults at once', (system) => {
  it('never let the bot send under a human’s control, nor answer before the fence is raised', {
    timeout: 120_000,
  }, async () => {
    const seed = Number(process.env.FAULT_SEED ?? Date.now() % 1_000_000);
    process.stdout.write(`FAULT_SEED=${seed}\n`);
    const random = seededRandom(seed);
    const platform = `race${unique()}`;
    const ids: string[] = [];
    for (let n = 0; n < SESSIONS; n++) {
      const body = sessionBody({ platform, max_attempts: 3 });
      ids.push((await system().rest.ok(system().rest.post('/api/sessions/create', body))).session_id);
    }
    const noSendWindows = new Map<string, NoSendWindow[]>();
    const operations: SendOperation[] = [];
    let left = ids.length;
    let thrown = 0;
    {
      using _ = armFailpoint('*', (name) => {
        if (!tryGetContext()?.requestId.startsWith('req') || random() > FAULT_RATE) return;
        thrown += 1;
        throw new Error(`failpoint ${name}`);
      });
      const agents = ids.map((id) => runAgent(system(), id, random, noSendWindows).finally(() => left--));
      const senders = Array.from({ length: SENDERS }, () =>
        runSender(system(), platform, random, operations, () => left === 0),
      );
      await Promise.all([...agents, ...senders]);
    }
    expect(operationsInNoSendWindow(operations, noSendWindows)).toEqual([]);
    // it was a race: there were faults, no-send windows and operations
    expect(Math.min(thrown, operations.length, [...noSendWindows.values()].flat().length)).toBeGreaterThan(10);
    await assertInvariants(system());
  });

  it('leave one open session of a pair under concurrent creations, takeovers and timeouts', async () => {
    const { rest, clock } = system();
    for (let round = 0; round < 8; round++) {
      const { body, data } = await flowSteps(system()).create({ max_inactive_minutes: 1 });
      const other = (overrides: object) =>
        rest.post('/api/sessions/create', { ...body, external_task_id: unique(), ...overrides });
      const takeover = () => flowSteps(system()).takeOver(data.session_id);
      clock.advance({ seconds: round % 2 === 0 ? 61 : 1 });
      const requests = [
        other({ task_type: 'manual_urgent' }),
        other({ task_type: 'manual_complaint' }),
        other({}),
        takeover(),
      ];
      const answers = await Promise.all(round % 3 === 0 ? requests.reverse() : requests);
      for (const { status } of answers) expect([200, 409]).toContain(status);
    }
    await assertInvariants(system());
  });
});
