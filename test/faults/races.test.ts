import { expect, it } from 'vitest';
import { maybeContext } from '../../services/lib/context.ts';
import { arm } from '../../services/lib/failpoints.ts';
import { onEveryBackend } from '../every-backend.ts';
import { sessionBody, unique } from '../make.ts';
import { steps } from '../steps.ts';
import type { World } from '../world.ts';
import { everythingHolds } from './at-rest.ts';
import { seeded } from './seeded.ts';
import { type Deed, type Silence, silencesBroken } from './silences.ts';

const SESSIONS = 20;
const COMMANDS = 14;
const SENDERS = 5;
/** How many of the failpoints that a request passes throw. */
const FAULTS = 0.04;

const commands: Record<string, { path: (id: string) => string; body: object; silences?: boolean }> = {
  takeover: { path: (id) => `/api/sessions/${id}/takeover`, body: { agent_id: 'a', agent_name: '王' }, silences: true },
  escalate: { path: () => '/api/manual/escalate', body: {}, silences: true },
  pause: { path: (id) => `/api/sessions/${id}/pause`, body: {}, silences: true },
  release: { path: (id) => `/api/sessions/${id}/release`, body: { agent_id: 'a' } },
  resume: { path: (id) => `/api/sessions/${id}/resume`, body: {} },
  add: { path: (id) => `/api/sessions/${id}/tasks`, body: {} },
};

/** One session's agent: a command after the other, each noting what it silences. */
async function lead(world: World, id: string, chance: () => number, silences: Map<string, Silence[]>) {
  const own: Silence[] = [];
  silences.set(id, own);
  const names = Object.keys(commands);
  for (let count = 0; count < COMMANDS; count++) {
    const name = names[Math.floor(chance() * names.length)]!;
    const { path, body, silences: silencing } = commands[name]!;
    const startedAt = performance.now();
    // from here on nobody knows, until a command is acknowledged that silences it
    if (name === 'release' || name === 'resume')
      for (const silence of own) silence.until = Math.min(silence.until, startedAt);
    const text = name === 'add' ? { external_task_id: unique(), send_content: `在吗 ${unique()}` } : {};
    const epoch = await epochs(world, id);
    const answer = await world.rest.post(path(id), {
      ...body,
      ...text,
      ...(name === 'escalate' ? { session_id: id } : {}),
    });
    if (answer.status !== 200) continue;
    const answeredAt = performance.now();
    const { fence } = await epochs(world, id);
    if (name !== 'add') expect(fence, `${name} of ${id}`).toBeGreaterThanOrEqual(epoch.session);
    if (answer.data.session) expect(fence, `${name} of ${id}`).toBeGreaterThanOrEqual(answer.data.session.owner_epoch);
    if (silencing) own.push({ from: answeredAt, until: Number.POSITIVE_INFINITY });
  }
}

async function epochs({ process }: World, id: string): Promise<{ session: number; fence: number }> {
  interface Tables {
    sessions: { session_id: string; owner_epoch: number };
    session_fence: { session_id: string; owner_epoch: number };
  }
  const db = process.deps.db.of<Tables>();
  const of = async (table: keyof Tables) =>
    (await db.selectFrom(table).select('owner_epoch').where('session_id', '=', id).executeTakeFirst())?.owner_epoch;
  return { session: (await of('sessions')) ?? 0, fence: (await of('session_fence')) ?? 0 };
}

/** A sender: claims, fetches and reports, until the agents are done. */
async function send({ rest }: World, platform: string, chance: () => number, deeds: Deed[], done: () => boolean) {
  while (!done()) {
    const claimedAt = performance.now();
    const { data } = await rest.get(`/api/tasks/next_id?platform=${platform}`);
    if (!data?.task_id) continue;
    const { task_id: taskId, session_id: sessionId, lease_token: token } = data;
    deeds.push({ what: `claim of ${taskId}`, sessionId, startedAt: claimedAt, endedAt: performance.now() });
    const startedAt = performance.now();
    const info = await rest.get(`/api/tasks/${taskId}/send_info`, { 'x-lease-token': token });
    const endedAt = performance.now();
    if (info.status === 200) deeds.push({ what: `fetch of ${taskId}`, sessionId, startedAt, endedAt });
    const report = { success: chance() < 0.9, task_id: taskId, lease_token: token };
    await rest.post(`/api/sessions/${sessionId}/complete`, report);
  }
}

onEveryBackend('agents, senders and faults at once', (world) => {
  it('never let the bot speak over a human, nor an answer run ahead of the senders', { timeout: 120_000 }, async () => {
    const seed = Number(process.env.FAULT_SEED ?? Date.now() % 1_000_000);
    process.stdout.write(`FAULT_SEED=${seed}\n`);
    const chance = seeded(seed);
    const platform = `race${unique()}`;
    const ids: string[] = [];
    for (let n = 0; n < SESSIONS; n++) {
      const body = sessionBody({ platform, max_attempts: 3 });
      ids.push((await world().rest.ok(world().rest.post('/api/sessions/create', body))).session_id);
    }
    const silences = new Map<string, Silence[]>();
    const deeds: Deed[] = [];
    let left = ids.length;
    let thrown = 0;
    {
      using _ = arm('*', (name) => {
        if (!maybeContext()?.requestId.startsWith('req') || chance() > FAULTS) return;
        thrown += 1;
        throw new Error(`failpoint ${name}`);
      });
      const agents = ids.map((id) => lead(world(), id, chance, silences).finally(() => left--));
      const senders = Array.from({ length: SENDERS }, () => send(world(), platform, chance, deeds, () => left === 0));
      await Promise.all([...agents, ...senders]);
    }
    expect(silencesBroken(deeds, silences)).toEqual([]);
    // it was a race: there were faults, silences and deeds
    expect(Math.min(thrown, deeds.length, [...silences.values()].flat().length)).toBeGreaterThan(10);
    await everythingHolds(world());
  });

  it('leave one open session of a pair, however it is asked for, taken and run out at once', async () => {
    const { rest, clock } = world();
    for (let round = 0; round < 8; round++) {
      const { body, data } = await steps(world()).create({ max_inactive_minutes: 1 });
      const other = (over: object) =>
        rest.post('/api/sessions/create', { ...body, external_task_id: unique(), ...over });
      const takeover = () => steps(world()).takeOver(data.session_id);
      clock.advance({ seconds: round % 2 === 0 ? 61 : 1 });
      const asked = [
        other({ task_type: 'manual_urgent' }),
        other({ task_type: 'manual_complaint' }),
        other({}),
        takeover(),
      ];
      const answers = await Promise.all(round % 3 === 0 ? asked.reverse() : asked);
      for (const { status } of answers) expect([200, 409]).toContain(status);
    }
    await everythingHolds(world());
  });
});
