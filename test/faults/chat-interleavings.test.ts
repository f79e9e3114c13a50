import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { ChatCourse } from '../support/faults/chat-course.ts';
import { runCommand, type ServerProcess } from '../support/processes/server-process.ts';
import { startSplitProcesses } from '../support/processes/split-processes.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { startNats, startRedis } from '../support/servers/servers.ts';
import { createDatabase, sharedServersAvailable } from '../support/servers/shared-servers.ts';

/** How many chats run; more in the runs before a release. */
const COURSES = Number(process.env.CHAT_COURSES ?? 30);
const MAX_CONCURRENT = 10;
const STEPS = 12;

const bots = JSON.stringify([{ id: 'bot', engine: 'scripted', script: 'test/data/slow-script.json' }]);

type Wait = (atLeastMs: number, atMostMs: number) => Promise<void>;

/** Runs `fault` again and again at random times until the signal aborts; returns how often. */
async function repeatFault(fault: (wait: Wait) => Promise<void>, random: () => number, signal: AbortSignal) {
  const wait: Wait = (from, to) => delay(from + random() * (to - from)); // nothing announces a fault
  let count = 0;
  for (; !signal.aborted; count++) {
    await wait(200, 1_200);
    await fault(wait);
  }
  return count;
}

it.runIf(sharedServersAvailable)(
  'no bot speaks after control was taken, and no message is lost, while processes die and freeze',
  async () => {
    const seed = Number(process.env.FAULT_SEED ?? Date.now() % 1_000_000);
    process.stdout.write(`FAULT_SEED=${seed}\n`);
    const random = seededRandom(seed);
    await using stack = new AsyncDisposableStack();
    const [redis, nats] = [stack.use(await startRedis()), stack.use(await startNats())];
    const env = { MYSQL_URL: await createDatabase(), REDIS_URL: redis.url, NATS_URL: nats.url, AUTOSESSION_BOTS: bots };
    const processes = await startSplitProcesses(stack, 2, env);
    const gateways = processes.gateway.map(({ url }) => url);
    const pickGateway = () => gateways[Math.floor(random() * gateways.length)]!;
    const courses: ChatCourse[] = [];
    const stop = new AbortController();
    const pick = (from: readonly ServerProcess[]) => from[Math.floor(random() * from.length)]!;
    const targets = [...processes['message-analysis'], ...processes['message-analysis'], ...processes.session];
    const freeze = async (wait: Wait) => {
      const process = pick(targets);
      process.freeze();
      await wait(200, 4_500); // some longer than a lease, some shorter
      process.thaw();
    };
    const kill = async (wait: Wait) => {
      const process = pick(targets);
      await process.kill();
      await process.start();
      await wait(1_000, 3_000);
    };
    const stopNats = async (wait: Wait) => {
      await wait(3_000, 6_000);
      await nats.stop();
      await wait(500, 1_500);
      await nats.start();
    };
    const faults = Promise.all(
      [freeze, freeze, kill, stopNats].map((fault) => repeatFault(fault, random, stop.signal)),
    );
    while (courses.length < COURSES) {
      const batch = Array.from(
        { length: Math.min(MAX_CONCURRENT, COURSES - courses.length) },
        (_, i) =>
          new ChatCourse(`c${seed}-${courses.length + i}`, pickGateway, seededRandom(seed + courses.length + i)),
      );
      await Promise.all(batch.map((course) => course.run(STEPS)));
      courses.push(...batch);
    }
    stop.abort();
    const total = (name: 'deltas' | 'changes' | 'interruptedReplies') =>
      courses.reduce((sum, { counts }) => sum + counts[name], 0);
    const [deltas, changes, interrupted] = [total('deltas'), total('changes'), total('interruptedReplies')];
    const text = `${deltas} parts, ${changes} changes of control, ${interrupted} of them in mid-answer`;
    process.stdout.write(`${COURSES} courses, ${(await faults).join('+')} faults, ${text}\n`);
    expect(Math.min(deltas, changes, interrupted)).toBeGreaterThan(0);
    for (const course of courses) await course.finish();
    expect(courses.flatMap(({ broken }) => broken)).toEqual([]);
    await eventually(async () => {
      const unanswered: string[] = [];
      for (const { name, stored } of courses) {
        const response = await fetch(`${gateways[0]}/api/sessions/${name}/messages?page_size=200`);
        const { data } = (await response.json()) as { data: { messages: { message_id: string; role: string }[] } };
        const ids = new Map(data.messages.map(({ message_id, role }) => [message_id, role]));
        const lost = [...stored.keys()].filter((id) => !ids.has(id));
        if (lost.length > 0) throw new Error(`${name} has lost ${lost.join(', ')}`);
        const status = (await (await fetch(`${gateways[0]}/api/sessions/${name}/status`)).json()) as {
          data: { status: string };
        };
        const last = data.messages.at(-1);
        if (last?.role === 'user' && status.data.status === 'bot_active') unanswered.push(name);
      }
      expect(unanswered).toEqual([]);
    }, 60_000);
    const checker = await runCommand(process.execPath, ['scripts/check-invariants/main.ts'], env).ended;
    expect(checker.output).not.toContain('violat');
    expect(checker.code).toBe(0);
  },
  COURSES * 20_000 + 120_000,
);
