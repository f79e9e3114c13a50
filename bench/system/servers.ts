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
  /** For the raw limit only: each system has its own NATS. */
  readonly nats: NatsServer;
}

/** Large enough to keep a million sessions in memory, as on a production machine. */
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
