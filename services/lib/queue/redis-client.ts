import { Redis } from 'ioredis';
import { logAwaitedServer, ServerNotReached, START_WAIT_MS } from '../await-server.ts';
import type { RedisConfig } from '../config.ts';
import type { Logger } from '../log.ts';

const COMMAND_MS = 3_000;
const CONNECT_MS = 5_000;

/**
 * A connection that reconnects for ever. While it is down every command fails at once instead of waiting in a queue, and
 * what was under way when it broke fails too: repeating it blindly could take items twice.
 */
export function redisClient({ url, retryDelayMs }: RedisConfig): Redis {
  return new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_MS,
    commandTimeout: COMMAND_MS,
    socketTimeout: COMMAND_MS, // a server that is stuck: hang up, so that the next commands fail at once
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false, // the subscriber does it itself, to know when it is done
    maxRetriesPerRequest: 0,
    retryStrategy: () => retryDelayMs,
    keepAlive: 10_000,
  });
}

/** Errors that waiting does not help: wrong password, missing rights, unknown database number. */
const FINAL = /^(NOAUTH|WRONGPASS|NOPERM|ERR invalid password|ERR DB index)/;

/**
 * Connects for the first time, and waits for a server that is still starting: as long as for the other servers, or for
 * `maxRetries` attempts. Throws ServerNotReached; the client does not retry after that.
 */
export async function connectFirst(redis: Redis, { url, maxRetries }: RedisConfig, logger: Logger): Promise<void> {
  const server = { name: 'Redis', url, setting: 'REDIS_URL', logger };
  const begin = performance.now();
  let failures = 0;
  let last: Error | undefined;
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  const note = (error: Error) => {
    last = error;
    if (FINAL.test(error.message)) reject(new ServerNotReached(server, 0, error));
  };
  const count = () => {
    failures += 1;
    const waitedMs = performance.now() - begin;
    const error = last ?? new Error('the connection was closed');
    const isOver = maxRetries === undefined ? waitedMs > START_WAIT_MS : failures >= Math.max(1, maxRetries);
    if (isOver) reject(new ServerNotReached(server, waitedMs, error));
    else if (failures === 1) logAwaitedServer(server, error);
  };
  redis.on('error', note);
  redis.on('close', count);
  redis.once('ready', resolve);
  redis.connect().catch(() => {}); // it goes on by itself; the events tell
  try {
    await ready;
  } catch (error) {
    redis.disconnect();
    throw error;
  } finally {
    redis.off('error', note);
    redis.off('close', count);
  }
}
