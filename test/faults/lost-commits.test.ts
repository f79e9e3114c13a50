import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { sessionBody, unique } from '../support/factories.ts';
import { type NoSendWindow, operationsInNoSendWindow, type SendOperation } from '../support/faults/no-send-window.ts';
import { runCommand, type ServerProcess, startServerProcess } from '../support/processes/server-process.ts';
import { startSplitProcesses } from '../support/processes/split-processes.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { startMariadb, startNats, startRedis } from '../support/servers/servers.ts';
import { sharedServersAvailable } from '../support/servers/shared-servers.ts';
import { canSlowRedo, slowRedo } from '../support/servers/slow-redo.ts';

/** How often the database is killed; more often in the runs before a release. */
const CRASHES = Number(process.env.LOST_COMMIT_CRASHES ?? 4);
const REDO_DELAY_MS = 5;
const AGENTS = 12;
const SENDERS = 6;
const RESPONSE_TIMEOUT_MS = 15_000;
/** How many sessions and commands must happen before each crash, and after the last one. */
const MIN_PROGRESS = 20;

if (sharedServersAvailable && !canSlowRedo) {
  const text = 'the test of lost commits DOES NOT RUN: no C compiler here (apt-get install gcc libc6-dev)';
  if (process.env.REQUIRE_STACK === '1') throw new Error(text);
  process.stderr.write(`\n!!! ${text} !!!\n\n`);
}

interface CallResult {
  /** 0 without an answer. */
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the route answers
  readonly data: any;
}

/** A REST client whose server may be down. */
function createCaller(url: string) {
  return async (
    method: string,
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<CallResult> => {
    try {
      const response = await fetch(url + path, {
        method,
        headers: { 'content-type': 'application/json', ...headers },
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS),
      });
      const { data } = (await response.json()) as { data: unknown };
      return { status: response.status, data };
    } catch {
      return { status: 0, data: null };
    }
  };
}

type Call = ReturnType<typeof createCaller>;

const commands = [
  { path: 'pause', body: {}, stopsSending: true },
  { path: 'resume', body: {}, stopsSending: false },
  { path: 'takeover', body: { agent_id: 'a', agent_name: '王' }, stopsSending: true },
  { path: 'release', body: { agent_id: 'a' }, stopsSending: false },
];

class Load {
  readonly #call: Call;
  readonly #random: () => number;
  readonly #platform = `lost${unique()}`;
  readonly noSendWindows = new Map<string, NoSendWindow[]>();
  readonly operations: SendOperation[] = [];
  /** The tasks under which each content was handed out. */
  readonly handedOut = new Map<string, Set<string>>();
  /** Sessions and tasks whose creation was acknowledged. */
  readonly acknowledged: { sessionId: string; taskId: string }[] = [];
  #isOver = false;

  constructor(call: Call, random: () => number) {
    this.#call = call;
    this.#random = random;
  }

  /** Runs until `end`. */
  async run(): Promise<void> {
    const agents = Array.from({ length: AGENTS }, () => this.#runAgent());
    const senders = Array.from({ length: SENDERS }, () => this.#runSender());
    await Promise.all([...agents, ...senders]);
  }

  /** Resolves when this many more sessions were opened and tasks claimed or fetched. */
  waitForProgress(count: number): Promise<void> {
    const progress = () => this.acknowledged.length + this.operations.length;
    const goal = progress() + count;
    return eventually(() => expect(progress()).toBeGreaterThanOrEqual(goal), 90_000);
  }

  end(): void {
    this.#isOver = true;
  }

  /** Opens one session after another, each with some commands of its agent. */
  async #runAgent(): Promise<void> {
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
    const { path, body, stopsSending } = commands[Math.floor(this.#random() * commands.length)]!;
    const own = this.noSendWindows.get(sessionId) ?? [];
    this.noSendWindows.set(sessionId, own);
    const startedAt = performance.now();
    if (!stopsSending) for (const noSendWindow of own) noSendWindow.until = Math.min(noSendWindow.until, startedAt);
    const { status } = await this.#call('POST', `/api/sessions/${sessionId}/${path}`, body);
    if (status === 200 && stopsSending) own.push({ from: performance.now(), until: Number.POSITIVE_INFINITY });
    if (this.#random() < 0.5) {
      const task = { external_task_id: unique(), send_content: `在吗 ${unique()}` };
      await this.#untilAnswered(`/api/sessions/${sessionId}/tasks`, task);
    }
  }

  /** Repeats the request under its key until it is answered. */
  async #untilAnswered(path: string, body: object): Promise<CallResult> {
    const key = { 'idempotency-key': unique() };
    for (;;) {
      const answer = await this.#call('POST', path, body, key);
      if (answer.status !== 0 && answer.status < 500) return answer;
      await delay(20); // the pause of a client between repeats
    }
  }

  async #runSender(): Promise<void> {
    while (!this.#isOver) {
      const claimedAt = performance.now();
      const { status, data } = await this.#call('GET', `/api/tasks/next_id?platform=${this.#platform}`);
      if (status !== 200 || !data?.task_id) {
        await delay(5); // the pause of a sender that polls
        continue;
      }
      const { task_id: taskId, session_id: sessionId, lease_token: token } = data;
      this.operations.push({ kind: `claim of ${taskId}`, sessionId, startedAt: claimedAt, endedAt: performance.now() });
      const startedAt = performance.now();
      const info = await this.#call('GET', `/api/tasks/${taskId}/send_info`, undefined, { 'x-lease-token': token });
      if (info.status !== 200) continue;
      this.operations.push({ kind: `fetch of ${taskId}`, sessionId, startedAt, endedAt: performance.now() });
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
interface ProcessLayout {
  readonly name: string;
  readonly crashes: number;
  start(stack: AsyncDisposableStack, env: Record<string, string>): Promise<ServerProcess[]>;
}

const processLayouts: ProcessLayout[] = [
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

describe.runIf(sharedServersAvailable && canSlowRedo)(
  'a database that dies while commits are visible and not yet on disk',
  () => {
    it.each(processLayouts)(
      'leaves nothing behind that $name published, acknowledged or acted on',
      async ({ start, crashes }) => {
        const seed = Number(process.env.FAULT_SEED ?? Date.now() % 1_000_000);
        process.stdout.write(`FAULT_SEED=${seed}\n`);
        const random = seededRandom(seed);
        await using database = await startMariadb(undefined, (folder) => slowRedo(folder, REDO_DELAY_MS));
        await using queue = await startRedis();
        await using events = await startNats();
        const env = { MYSQL_URL: await database.createDatabase(), REDIS_URL: queue.url, NATS_URL: events.url };
        await using processes = new AsyncDisposableStack();
        const servers = await start(processes, env);
        const load = new Load(createCaller(servers.at(-1)!.url), random);
        const running = load.run();
        for (let crash = 0; crash < crashes; crash++) {
          await load.waitForProgress(MIN_PROGRESS);
          await delay(random() * 500); // the fault itself: a random moment
          await database.kill();
          await database.start();
        }
        await load.waitForProgress(MIN_PROGRESS); // requests of the last outage are repeated
        load.end();
        await running;
        await assertNothingLost(load, servers);
        await processes.disposeAsync();
        const checker = await runCommand(process.execPath, ['scripts/check-invariants/main.ts'], env).ended;
        expect(checker.output).not.toContain('BROKEN');
        expect(checker.code).toBe(0);
      },
      120_000 + CRASHES * 15_000,
    );
  },
);

async function assertNothingLost(load: Load, servers: readonly ServerProcess[]): Promise<void> {
  const sentTwice = [...load.handedOut].filter(([, tasks]) => tasks.size > 1);
  expect(sentTwice, 'contents that were handed out under two tasks').toEqual([]);
  expect(operationsInNoSendWindow(load.operations, load.noSendWindows)).toEqual([]);
  const counts = { sessions: load.acknowledged.length, deeds: load.operations.length };
  process.stdout.write(`${JSON.stringify(counts)}\n`);
  expect(Math.min(counts.sessions, counts.deeds)).toBeGreaterThan(5);
  const call = createCaller(servers.at(-1)!.url);
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
