import { Redis } from 'ioredis';
import type { RedisConfig } from '../config.ts';

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

/** Connects for the first time. Throws one sentence after `maxRetries` tries; from then on the client does not try again. */
export async function connectFirst(redis: Redis, { url, maxRetries }: RedisConfig): Promise<void> {
  let failures = 0;
  let last: Error | undefined;
  const note = (error: Error) => {
    last = error;
  };
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  const count = () => {
    failures += 1;
    if (failures >= Math.max(1, maxRetries)) reject(last ?? new Error('the connection was closed'));
  };
  redis.on('error', note);
  redis.on('close', count);
  redis.once('ready', resolve);
  redis.connect().catch(() => {}); // it goes on by itself; the events tell
  try {
    await ready;
  } catch (cause) {
    redis.disconnect();
    const text = `Redis at ${new URL(url).host} does not answer after ${failures} tries: ${(cause as Error).message}`;
    throw new Error(text, { cause });
  } finally {
    redis.off('error', note);
    redis.off('close', count);
  }
}
