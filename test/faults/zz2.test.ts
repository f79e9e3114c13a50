import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { execSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import mysql from 'mysql2/promise';
import { eventually } from '../eventually.ts';
import { unique } from '../make.ts';
import { type RestAnswer, type RestClient, restClient } from '../rest-client.ts';
import { nats, redis } from '../servers.ts';
import { chooseAddresses, type ServiceName, services } from '../split.ts';
import { createDatabase, stackAvailable } from '../stack.ts';
import { runToEnd, type ServerProcess, startServerProcess } from './server-process.ts';

const INSTANCES = 2;
const LANES = 6;
/** Flows that have to end between a kill and the next step: then the loss has been noticed and lived with. */
const FLOWS_BETWEEN = 25;

type System = Readonly<Record<ServiceName, readonly ServerProcess[]>>;

/** Two processes of every service on servers of their own. */
async function startSystem(stack: AsyncDisposableStack): Promise<{ system: System; env: Record<string, string> }> {
  const [queue, events, mysqlUrl] = [stack.use(await redis()), stack.use(await nats()), await createDatabase()];
  const { rpcPorts, env: addresses } = await chooseAddresses(INSTANCES);
  const env = { MYSQL_URL: mysqlUrl, REDIS_URL: queue.url, NATS_URL: events.url };
  const start = async (target: ServiceName) => {
    const instances = rpcPorts[target].map((rpcPort) =>
      startServerProcess({ ...env, ...addresses }, { target, rpcPort }).then((one) => stack.use(one)),
    );
    return Promise.all(instances);
  };
  const system = {} as Record<ServiceName, ServerProcess[]>;
  // one service after the other: ten at once would only wait for each other
  for (const name of services) system[name] = await start(name);
  return { system, env };
}

/** Plays main flows in lanes until it is told to stop, repeating at most once what failed. */
class Load {
  /** Requests that failed on their first try, and on their second. */
  readonly failures = { once: 0, twice: [] as string[] };
  readonly first: string[] = [];
  flows = 0;
  readonly #gateways: readonly RestClient[];
  #turn = 0;
  #stopping = false;
  readonly #lanes: Promise<unknown>;

  constructor(gateways: readonly RestClient[]) {
    this.#gateways = gateways;
    this.#lanes = Promise.all(Array.from({ length: LANES }, () => this.#lane()));
  }

  /** Resolves when so many more flows have ended. */
  more(flows: number): Promise<void> {
    const goal = this.flows + flows;
    return eventually(() => {
      if (this.flows < goal) throw new Error(`${this.flows} of ${goal} flows: ${this.failures.twice.join('\n')}`);
    }, 60_000);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#lanes;
  }

  async #lane(): Promise<void> {
    while (!this.#stopping) {
      await this.#flow();
      this.flows += 1;
    }
  }

  async #flow(): Promise<void> {
    const id = unique();
    const account = `t-${id}`;
    const shop = { shop_id: `s-${id}`, shop_name: `店-${id}` };
    const order = { external_task_id: `ext-${id}`, send_content: `您好 ${id}`, task_type: 'auto_bargain' };
    const created = await this.#ask((rest) =>
      rest.post('/api/sessions/create', { account_id: account, ...shop, ...order }),
    );
    const lease = await this.#ask((rest) => rest.get(`/api/tasks/next_id?account_id=${account}&worker_id=${id}`));
    const token = { 'x-lease-token': lease.lease_token };
    await this.#ask((rest) => rest.get(`/api/tasks/${lease.task_id}/send_info`, token));
    const done = { success: true, task_id: lease.task_id, lease_token: lease.lease_token };
    await this.#ask((rest) => rest.post(`/api/sessions/${created.session_id}/complete`, done));
    const messages = [
      { id: `m1-${id}`, nick: account, content: order.send_content, time: new Date().toISOString() },
      { id: `m2-${id}`, nick: shop.shop_name, content: '在的', time: new Date().toISOString() },
    ];
    await this.#ask((rest) => rest.post('/api/messages/batch', { shop_name: shop.shop_name, messages }));
  }

  /** The answer's data; of the other gateway when the first one failed. */
  async #ask(request: (rest: RestClient) => Promise<RestAnswer>) {
    this.#turn += 1;
    for (let attempt = 1, next = this.#turn; ; attempt++, next++) {
      const gateway = this.#gateways[next % this.#gateways.length] as RestClient;
      try {
        return await gateway.ok(request(gateway));
      } catch (error) {
        if (attempt === 1) { this.failures.once += 1; this.first.push(String((error as Error).cause ?? error).slice(0, 300)); }
        else {
          this.failures.twice.push(String(error));
          await delay(20); // otherwise a dead gateway would be asked without a pause
        }
      }
    }
  }
}


const term = (p: ServerProcess) => p[Symbol.asyncDispose]();
describe.runIf(stackAvailable)('zz2', () => {
  it.runIf(process.env.ONLY?.includes('T'))('sigterm', async () => {
    await using stack = new AsyncDisposableStack();
    const { system, env } = await startSystem(stack);
    const load = new Load(system.gateway.map(({ url }) => restClient(url)));
    await load.more(FLOWS_BETWEEN);
    let before = 0;
    for (const name of services) {
      const victim = system[name][0] as ServerProcess;
      const t0 = performance.now();
      await term(victim);
      const t1 = performance.now();
      await load.more(FLOWS_BETWEEN);
      console.log('stopped', name, Math.round(t1 - t0), 'ms; failed once', load.failures.once - before, victim.output.slice(-300));
      before = load.failures.once;
      await victim.start();
      await load.more(FLOWS_BETWEEN);
      console.log('back', name, 'failed once', load.failures.once - before);
      before = load.failures.once;
    }
    await load.stop();
    console.log('twice', load.failures.twice, 'once', load.failures.once, load.first);
    await eventually(async () => {
      const checker = await runToEnd(process.execPath, ['scripts/verify/main.ts'], env).ended;
      expect(checker.output).toContain('Every invariant holds.');
    }, 30_000);
  }, 300_000);
  it.runIf(process.env.ONLY?.includes('R'))('relay', async () => {
    await using stack = new AsyncDisposableStack();
    const { system, env } = await startSystem(stack);
    const db = await mysql.createConnection(env.MYSQL_URL as string);
    const database = new URL(env.MYSQL_URL as string).pathname.slice(1);
    const leaderPid = async (lock: string) => {
      const key = createHash('sha256').update(`${database}:${lock}`).digest('hex').slice(0, 60);
      const [rows] = await db.query('SELECT p.host AS host FROM information_schema.processlist p WHERE p.id = IS_USED_LOCK(?)', [key]);
      const host = (rows as { host: string }[])[0]?.host;
      if (!host) return undefined;
      const port = host.split(':').at(-1);
      const out = execSync(`grep -il ":${Number(port).toString(16).padStart(4, '0')} " /proc/net/tcp || true`).toString();
      void out;
      const inode = execSync(`awk '$2 ~ /:${Number(port).toString(16).toUpperCase().padStart(4, '0')}$/ {print $10}' /proc/net/tcp /proc/net/tcp6`).toString().trim().split('\n')[0];
      const pid = execSync(`ls -l /proc/[0-9]*/fd 2>/dev/null | awk '/^\\/proc/ {d=$0} /socket:\\[${inode}\\]/ {print d}' | head -1`).toString().match(/proc\/(\d+)/)?.[1];
      return pid ? Number(pid) : undefined;
    };
    const gw = system.gateway.map(({ url }) => restClient(url)) as [RestClient, RestClient];
    const one = async () => {
      const id = unique();
      const abort = new AbortController();
      const frames = await gw[0].stream(`/api/events/stream?account_id=t-${id}`, abort.signal);
      const t0 = performance.now();
      for (;;) {
        const a = await gw[1].post('/api/sessions/create', { account_id: `t-${id}`, shop_id: `s-${id}`, shop_name: `n-${id}`, external_task_id: id, send_content: 'x', task_type: 'auto_bargain' });
        if (a.status === 200) break;
        console.log('create', a.status);
      }
      const t1 = performance.now();
      for await (const f of frames) if (f.data.type === 'session_created') break;
      const dt = performance.now() - t1;
      abort.abort();
      return [Math.round(t1 - t0), Math.round(dt)];
    };
    console.log('normal', await one(), await one(), await one());
    for (const signal of ['SIGKILL', 'SIGKILL', 'SIGSTOP'] as const) {
      const pid = await leaderPid('relay');
      const who = pid && execSync(`tr '\\0' ' ' < /proc/${pid}/cmdline`).toString();
      console.log('leader', pid, who);
      if (!pid) throw new Error('no pid');
      process.kill(pid, signal);
      const took = await Promise.race([one(), delay(60_000)]);
      console.log(signal, 'event after', took);
      if (signal === 'SIGSTOP') {
        process.kill(pid, 'SIGCONT');
        const t = performance.now();
        await eventually(one, 60_000);
        console.log('after SIGCONT', performance.now() - t);
      }
    }
    await db.end();
  }, 300_000);
});
