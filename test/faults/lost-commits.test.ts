import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../eventually.ts';
import { sessionBody, unique } from '../make.ts';
import { mariadb, nats, redis } from '../servers.ts';
import { canSlowRedo, slowRedo } from '../slow-redo.ts';
import { stackAvailable } from '../stack.ts';
import { seeded } from './seeded.ts';
import { runToEnd, type ServerProcess, startServerProcess } from './server-process.ts';
import { type Deed, type Silence, silencesBroken } from './silences.ts';
import { startSplitProcesses } from './split-processes.ts';

/** How often the database is killed; more often in the runs before a release. */
const CRASHES = Number(process.env.LOST_COMMIT_CRASHES ?? 4);
const REDO_DELAY_MS = 5;
const LIVES = 12;
const SENDERS = 6;
const ANSWER_MS = 15_000;
/** How many sessions and commands must happen before each crash, and after the last one. */
const PROGRESS = 20;

if (stackAvailable && !canSlowRedo) {
  const text = 'the test of lost commits DOES NOT RUN: no C compiler here (apt-get install gcc libc6-dev)';
  if (process.env.REQUIRE_STACK === '1') throw new Error(text);
  process.stderr.write(`\n!!! ${text} !!!\n\n`);
}

interface Answer {
  /** 0 without an answer. */
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the route answers
  readonly data: any;
}

/** A REST client whose server may be down. */
function callerOf(url: string) {
  return async (method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<Answer> => {
    try {
      const response = await fetch(url + path, {
        method,
        headers: { 'content-type': 'application/json', ...headers },
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      const { data } = (await response.json()) as { data: unknown };
      return { status: response.status, data };
    } catch {
      return { status: 0, data: null };
    }
  };
}

type Call = ReturnType<typeof callerOf>;

const commands = [
  { path: 'pause', body: {}, silences: true },
  { path: 'resume', body: {}, silences: false },
  { path: 'takeover', body: { agent_id: 'a', agent_name: '王' }, silences: true },
  { path: 'release', body: { agent_id: 'a' }, silences: false },
];

class Load {
  readonly #call: Call;
  readonly #chance: () => number;
  readonly #platform = `lost${unique()}`;
  readonly silences = new Map<string, Silence[]>();
  readonly deeds: Deed[] = [];
  /** The tasks under which each content was handed out. */
  readonly handedOut = new Map<string, Set<string>>();
  /** Sessions and tasks whose creation was acknowledged. */
  readonly acknowledged: { sessionId: string; taskId: string }[] = [];
  #isOver = false;

  constructor(call: Call, chance: () => number) {
    this.#call = call;
    this.#chance = chance;
  }

  /** Runs until `end`. */
  async run(): Promise<void> {
    const lives = Array.from({ length: LIVES }, () => this.#live());
    const senders = Array.from({ length: SENDERS }, () => this.#send());
    await Promise.all([...lives, ...senders]);
  }

  /** Resolves when this many more sessions were opened and tasks claimed or fetched. */
  more(count: number): Promise<void> {
    const progress = () => this.acknowledged.length + this.deeds.length;
    const goal = progress() + count;
    return eventually(() => expect(progress()).toBeGreaterThanOrEqual(goal), 90_000);
  }

  end(): void {
    this.#isOver = true;
  }

  /** Opens one session after another, each with some commands of its agent. */
  async #live(): Promise<void> {
    while (!this.#isOver) {
      const body = sessionBody({ platform: this.#platform });
      const created = await this.#untilAnswered('/api/sessions/create', body);
      if (created.status !== 200) continue;
      const sessionId = created.data.session_id as string;
      this.acknowledged.push({ sessionId, taskId: created.data.task_id });
      for (let count = 0; count < 6 && !this.#isOver; count++) await this.#command(sessionId);
    }
  }

  /** One command, not repeated when its outcome is unknown: the next one may be a different one. */
  async #command(sessionId: string): Promise<void> {
    const { path, body, silences } = commands[Math.floor(this.#chance() * commands.length)]!;
    const own = this.silences.get(sessionId) ?? [];
    this.silences.set(sessionId, own);
    const startedAt = performance.now();
    if (!silences) for (const silence of own) silence.until = Math.min(silence.until, startedAt);
    const { status } = await this.#call('POST', `/api/sessions/${sessionId}/${path}`, body);
    if (status === 200 && silences) own.push({ from: performance.now(), until: Number.POSITIVE_INFINITY });
    if (this.#chance() < 0.5) {
      const task = { external_task_id: unique(), send_content: `在吗 ${unique()}` };
      await this.#untilAnswered(`/api/sessions/${sessionId}/tasks`, task);
    }
  }

  /** Repeats the request under its key until it is answered. */
  async #untilAnswered(path: string, body: object): Promise<Answer> {
    const key = { 'idempotency-key': unique() };
    for (;;) {
      const answer = await this.#call('POST', path, body, key);
      if (answer.status !== 0 && answer.status < 500) return answer;
      await delay(20); // the pause of a client between repeats
    }
  }

  async #send(): Promise<void> {
    while (!this.#isOver) {
      const claimedAt = performance.now();
      const { status, data } = await this.#call('GET', `/api/tasks/next_id?platform=${this.#platform}`);
      if (status !== 200 || !data?.task_id) {
        await delay(5); // the pause of a sender that polls
        continue;
      }
      const { task_id: taskId, session_id: sessionId, lease_token: token } = data;
      this.deeds.push({ what: `claim of ${taskId}`, sessionId, startedAt: claimedAt, endedAt: performance.now() });
      const startedAt = performance.now();
      const info = await this.#call('GET', `/api/tasks/${taskId}/send_info`, undefined, { 'x-lease-token': token });
      if (info.status !== 200) continue;
      this.deeds.push({ what: `fetch of ${taskId}`, sessionId, startedAt, endedAt: performance.now() });
      const content = info.data.send_content as string;
      this.handedOut.set(content, (this.handedOut.get(content) ?? new Set()).add(taskId));
      await this.#call('POST', `/api/sessions/${sessionId}/complete`, {
        success: true,
        task_id: taskId,
        lease_token: token,
      });
    }
  }
}

/** The processes of a deployment; the last one is the gateway. */
interface WayToRun {
  readonly name: string;
  readonly crashes: number;
  start(stack: AsyncDisposableStack, env: Record<string, string>): Promise<ServerProcess[]>;
}

const waysToRun: WayToRun[] = [
  {
    name: 'one process',
    crashes: CRASHES,
    start: async (stack, env) => [stack.use(await startServerProcess(env))],
  },
  {
    name: 'a process of each service',
    crashes: Math.ceil(CRASHES / 2),
    start: async (stack, env) => Object.values(await startSplitProcesses(stack, 1, env)).flat(),
  },
];

describe.runIf(stackAvailable && canSlowRedo)(
  'a database that dies while commits are visible and not yet on disk',
  () => {
    it.each(waysToRun)(
      'leaves nothing behind that $name published, acknowledged or acted on',
      async ({ start, crashes }) => {
        const seed = Number(process.env.FAULT_SEED ?? Date.now() % 1_000_000);
        process.stdout.write(`FAULT_SEED=${seed}\n`);
        const chance = seeded(seed);
        await using database = await mariadb(undefined, (folder) => slowRedo(folder, REDO_DELAY_MS));
        await using queue = await redis();
        await using events = await nats();
        const env = { MYSQL_URL: await database.createDatabase(), REDIS_URL: queue.url, NATS_URL: events.url };
        await using processes = new AsyncDisposableStack();
        const servers = await start(processes, env);
        const load = new Load(callerOf(servers.at(-1)!.url), chance);
        const running = load.run();
        for (let crash = 0; crash < crashes; crash++) {
          await load.more(PROGRESS);
          await delay(chance() * 500); // the fault itself: a random moment
          await database.kill();
          await database.start();
        }
        await load.more(PROGRESS); // requests of the last outage are repeated
        load.end();
        await running;
        await judge(load, servers);
        await processes.disposeAsync();
        const checker = await runToEnd(process.execPath, ['scripts/verify/main.ts'], env).ended;
        expect(checker.output).not.toContain('BROKEN');
        expect(checker.code).toBe(0);
      },
      120_000 + CRASHES * 15_000,
    );
  },
);

async function judge(load: Load, servers: readonly ServerProcess[]): Promise<void> {
  const twice = [...load.handedOut].filter(([, tasks]) => tasks.size > 1);
  expect(twice, 'contents that were handed out under two tasks').toEqual([]);
  expect(silencesBroken(load.deeds, load.silences)).toEqual([]);
  const counts = { sessions: load.acknowledged.length, deeds: load.deeds.length };
  process.stdout.write(`${JSON.stringify(counts)}\n`);
  expect(Math.min(counts.sessions, counts.deeds)).toBeGreaterThan(5);
  const call = callerOf(servers.at(-1)!.url);
  const lost: string[] = [];
  for (const { sessionId, taskId } of load.acknowledged) {
    const [session, task] = await Promise.all([
      call('GET', `/api/sessions/${sessionId}/status`),
      call('GET', `/api/tasks/${taskId}`),
    ]);
    if (session.status !== 200 || task.status !== 200) lost.push(sessionId);
  }
  expect(lost, 'acknowledged sessions that are gone').toEqual([]);
}
