import { Redis } from 'ioredis';
import type { RedisConfig } from '../../config/config.ts';
import type { Logger } from '../../observability/logger.ts';
import { logAwaitedServer, ServerUnreachableError, START_TIMEOUT_MS } from '../../runtime/await-server.ts';

const COMMAND_TIMEOUT_MS = 3_000;
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * A connection that reconnects for ever. While it is down every command fails at once instead of waiting in a queue, and
 * commands that were under way fail too: repeating them blindly could take items twice.
 */
export function redisClient({ url, retryDelayMs }: RedisConfig): Redis {
  return new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: COMMAND_TIMEOUT_MS, // disconnect from a server that hangs, so that the next commands fail at once
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false, // the subscriber does it itself, to know when it is done
    maxRetriesPerRequest: 0,
    retryStrategy: () => retryDelayMs,
    keepAlive: 10_000,
  });
}

/** Errors that a retry does not solve: wrong password, missing rights, unknown database number. */
const PERMANENT_ERROR = /^(NOAUTH|WRONGPASS|NOPERM|ERR invalid password|ERR DB index)/;

/**
 * Connects for the first time, and waits for a server that is still starting: as long as for the other servers, or for
 * `maxRetries` attempts. Throws ServerUnreachableError; the client does not retry after that.
 */
export async function connectFirst(redis: Redis, { url, maxRetries }: RedisConfig, logger: Logger): Promise<void> {
  const server = { name: 'Redis', url, setting: 'REDIS_URL', logger };
  const startedAt = performance.now();
  let failures = 0;
  let lastError: Error | undefined;
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  const onError = (error: Error) => {
    lastError = error;
    if (PERMANENT_ERROR.test(error.message)) reject(new ServerUnreachableError(server, 0, error));
  };
  const onClose = () => {
    failures += 1;
    const waitedMs = performance.now() - startedAt;
    const error = lastError ?? new Error('the connection was closed');
    const isOver = maxRetries === undefined ? waitedMs > START_TIMEOUT_MS : failures >= Math.max(1, maxRetries);
    if (isOver) reject(new ServerUnreachableError(server, waitedMs, error));
    else if (failures === 1) logAwaitedServer(server, error);
  };
  redis.on('error', onError);
  redis.on('close', onClose);
  redis.once('ready', resolve);
  redis.connect().catch(() => {}); // it reconnects by itself; events report the outcome
  try {
    await ready;
  } catch (error) {
    redis.disconnect();
    throw error;
  } finally {
    redis.off('error', onError);
    redis.off('close', onClose);
  }
}
