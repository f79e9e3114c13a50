import { type MariadbServer, mariadb, type NatsServer, nats, type RedisServer, redis } from '../../test/servers.ts';

/** The servers of a run, private to it. */
export interface Servers extends AsyncDisposable {
  readonly database: MariadbServer;
  readonly redis: RedisServer;
  /** For the raw limit alone: each system has one of its own. */
  readonly nats: NatsServer;
}

/** So that a million sessions are in memory, as on a machine that was made for them. */
const SIZE = { bufferPool: '6G', redoLog: '4G', sortBuffer: '64M' };

/** Starts MariaDB (every commit on disk, a big buffer pool), Redis and NATS with JetStream on disk. */
export async function startServers(): Promise<Servers> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await mariadb(SIZE));
  const queue = stack.use(await redis());
  const log = stack.use(await nats());
  const running = stack.move();
  return { database, redis: queue, nats: log, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
