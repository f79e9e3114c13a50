import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Driver } from '../driver/driver.ts';
import type { Limit, Outcome } from '../figure.ts';
import type { Sizes } from '../sizes.ts';
import type { Servers } from '../system/servers.ts';
import { type Recordings, recordSql, type ScriptName } from './record-sql.ts';

/** A raw limit with what is known of it beside its rate. */
export interface RawLimit extends Limit {
  readonly outcome: Outcome;
  readonly inFlight: number;
}

/**
 * What the machine gives without the system, each limit measured when it is first asked for and then remembered, so that it
 * stands near the figure that it is compared with.
 */
export class Limits implements AsyncDisposable {
  readonly #driver: Driver;
  readonly #servers: Servers | undefined;
  readonly #sizes: Sizes;
  readonly #known = new Map<string, RawLimit>();
  readonly #stack = new AsyncDisposableStack();
  #echo: Promise<{ httpPort: number; rpcPort: number }> | undefined;
  #recordings: Promise<Recordings> | undefined;

  constructor(driver: Driver, servers: Servers | undefined, sizes: Sizes) {
    this.#driver = driver;
    this.#servers = servers;
    this.#sizes = sizes;
  }

  /** All that were measured. */
  get all(): readonly RawLimit[] {
    return [...this.#known.values()];
  }

  /** A body to a Fastify route and back; `calls` of it make one operation. */
  async http(inFlight: number, calls = 1): Promise<Limit[]> {
    const limit = await this.#once('Fastify echo', inFlight, async () => {
      const { httpPort } = await this.#echoServer();
      return this.#driver.run('httpEcho', { url: `http://127.0.0.1:${httpPort}`, inFlight, until: this.#time });
    });
    return [calls === 1 ? limit : { name: `${limit.name} / ${calls}`, perSecond: limit.perSecond / calls }];
  }

  /** A Connect call between two processes. */
  async rpc(inFlight: number): Promise<Limit[]> {
    const limit = await this.#once('Connect echo', inFlight, async () => {
      const { rpcPort } = await this.#echoServer();
      return this.#driver.run('connectEcho', { url: `http://127.0.0.1:${rpcPort}`, inFlight, until: this.#time });
    });
    return [limit];
  }

  /** The same SQL statements without the system; nothing without servers. */
  async sql(script: ScriptName, inFlight: number): Promise<Limit[]> {
    if (!this.#servers) return [];
    this.#recordings ??= recordSql(this.#servers, this.#driver);
    const { mysqlUrl: url, scripts } = await this.#recordings;
    const name = `SQL of ${script.replaceAll('_', ' ')}`;
    const run = () => this.#driver.run('sqlReplay', { url, inFlight, until: this.#time, script: scripts[script] });
    return [await this.#once(name, inFlight, run)];
  }

  /** How many requests to the database an operation's recording has; undefined while nothing was recorded. */
  async requests(script: ScriptName): Promise<number | undefined> {
    return (await this.#recordings)?.scripts[script].requests.length;
  }

  /** BullMQ on the same Redis; nothing without servers. */
  async bullmq(inFlight: number): Promise<Limit[]> {
    const url = this.#servers?.redis.url;
    if (!url) return [];
    const until = { count: this.#sizes.tasks };
    return [await this.#once('BullMQ add→done', inFlight, () => this.#driver.run('bullmq', { url, inFlight, until }))];
  }

  /** JetStream on disk; nothing without servers. */
  async jetstream(inFlight: number): Promise<Limit[]> {
    const url = this.#servers?.nats.url;
    if (!url) return [];
    const run = () => this.#driver.run('jetstream', { url, inFlight, until: this.#time });
    return [await this.#once('JetStream publish→receive', inFlight, run)];
  }

  get #time() {
    return { seconds: this.#sizes.seconds / 2 };
  }

  async #once(name: string, inFlight: number, run: () => Promise<Outcome>): Promise<RawLimit> {
    const key = `${name} ${inFlight}`;
    const known = this.#known.get(key);
    if (known) return known;
    const outcome = await run();
    const limit = { name, inFlight, perSecond: outcome.done / outcome.seconds, outcome };
    this.#known.set(key, limit);
    return limit;
  }

  async #echoServer() {
    this.#echo ??= (async () => {
      const child = fork(fileURLToPath(new URL('./echo-server.ts', import.meta.url)));
      this.#stack.defer(async () => {
        const ended = once(child, 'exit');
        child.disconnect();
        await ended;
      });
      const [ports] = await once(child, 'message');
      return ports;
    })();
    return this.#echo;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
