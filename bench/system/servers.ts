import {
  type MariadbServer,
  type NatsServer,
  type RedisServer,
  startMariadb,
  startNats,
  startRedis,
} from '../../test/support/servers/servers.ts';

/** The servers of a run, private to it. */
export interface BenchServers extends AsyncDisposable {
  readonly database: MariadbServer;
  readonly redis: RedisServer;
  /** For the raw limit alone: each system has one of its own. */
  readonly nats: NatsServer;
}

/** So that a million sessions are in memory, as on a machine that was made for them. */
const MARIADB_OPTIONS = { bufferPool: '6G', redoLog: '4G', sortBuffer: '64M' };

/** Starts MariaDB (every commit on disk, a big buffer pool), Redis and NATS with JetStream on disk. */
export async function startServers(): Promise<BenchServers> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await startMariadb(MARIADB_OPTIONS));
  const queue = stack.use(await startRedis());
  const log = stack.use(await startNats());
  const running = stack.move();
  return { database, redis: queue, nats: log, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
