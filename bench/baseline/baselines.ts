import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LoadGenerator } from '../load-generator/load-generator.ts';
import type { Baseline, LoadResult } from '../measurement-result.ts';
import type { Profile } from '../profiles.ts';
import type { BenchServers } from '../system/servers.ts';
import { recordSql, type ScriptName, type SqlRecordings } from './record-sql.ts';

/** A raw limit with its load result. */
export interface BaselineMeasurement extends Baseline {
  readonly outcome: LoadResult;
  readonly inFlight: number;
}

/**
 * The raw limits of the machine without the system. Each is measured on first use and then cached, close in time to the figure
 * that it is compared with.
 */
export class Baselines implements AsyncDisposable {
  readonly #loadGenerator: LoadGenerator;
  readonly #servers: BenchServers | undefined;
  readonly #profile: Profile;
  readonly #measured = new Map<string, BaselineMeasurement>();
  readonly #stack = new AsyncDisposableStack();
  #echo: Promise<{ httpPort: number; rpcPort: number }> | undefined;
  #recordings: Promise<SqlRecordings> | undefined;

  constructor(loadGenerator: LoadGenerator, servers: BenchServers | undefined, profile: Profile) {
    this.#loadGenerator = loadGenerator;
    this.#servers = servers;
    this.#profile = profile;
  }

  /** All measured limits. */
  get all(): readonly BaselineMeasurement[] {
    return [...this.#measured.values()];
  }

  /** A body sent to a Fastify route and back; one operation has `calls` of them. */
  async http(inFlight: number, calls = 1): Promise<Baseline[]> {
    const baseline = await this.#measureOnce('Fastify echo', inFlight, async () => {
      const { httpPort } = await this.#echoServer();
      return this.#loadGenerator.run('httpEcho', {
        url: `http://127.0.0.1:${httpPort}`,
        inFlight,
        until: this.#stopCondition,
      });
    });
    return [calls === 1 ? baseline : { name: `${baseline.name} / ${calls}`, perSecond: baseline.perSecond / calls }];
  }

  /** A Connect call between two processes. */
  async rpc(inFlight: number): Promise<Baseline[]> {
    const baseline = await this.#measureOnce('Connect echo', inFlight, async () => {
      const { rpcPort } = await this.#echoServer();
      return this.#loadGenerator.run('connectEcho', {
        url: `http://127.0.0.1:${rpcPort}`,
        inFlight,
        until: this.#stopCondition,
      });
    });
    return [baseline];
  }

  /** The same SQL statements without the system; none without servers. */
  async sql(script: ScriptName, inFlight: number): Promise<Baseline[]> {
    if (!this.#servers) return [];
    this.#recordings ??= recordSql(this.#servers, this.#loadGenerator);
    const { mysqlUrl: url, scripts } = await this.#recordings;
    const name = `SQL of ${script.replaceAll('_', ' ')}`;
    const run = () =>
      this.#loadGenerator.run('sqlReplay', { url, inFlight, until: this.#stopCondition, script: scripts[script] });
    return [await this.#measureOnce(name, inFlight, run)];
  }

  /** The number of database requests in an operation's recording; undefined if nothing was recorded. */
  async requests(script: ScriptName): Promise<number | undefined> {
    return (await this.#recordings)?.scripts[script].requests.length;
  }

  /** BullMQ on the same Redis; none without servers. */
  async bullmq(inFlight: number): Promise<Baseline[]> {
    const url = this.#servers?.redis.url;
    if (!url) return [];
    const until = { count: this.#profile.tasks };
    return [
      await this.#measureOnce('BullMQ add→done', inFlight, () =>
        this.#loadGenerator.run('bullmq', { url, inFlight, until }),
      ),
    ];
  }

  /** JetStream on disk; none without servers. */
  async jetstream(inFlight: number): Promise<Baseline[]> {
    const url = this.#servers?.nats.url;
    if (!url) return [];
    const run = () => this.#loadGenerator.run('jetstream', { url, inFlight, until: this.#stopCondition });
    return [await this.#measureOnce('JetStream publish→receive', inFlight, run)];
  }

  get #stopCondition() {
    return { seconds: this.#profile.seconds / 2 };
  }

  async #measureOnce(name: string, inFlight: number, run: () => Promise<LoadResult>): Promise<BaselineMeasurement> {
    const key = `${name} ${inFlight}`;
    const measured = this.#measured.get(key);
    if (measured) return measured;
    const outcome = await run();
    const baseline = { name, inFlight, perSecond: outcome.done / outcome.seconds, outcome };
    this.#measured.set(key, baseline);
    return baseline;
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
