import type { Redis } from 'ioredis';
import type { RedisConfig } from '../../config/config.ts';
import { assertNoTransaction } from '../../db/transaction-context.ts';
import { appError, ErrorReason } from '../../errors/app-error.ts';
import type { Logger } from '../../observability/logger.ts';
import { PushSubscribers } from './push-subscribers.ts';
import { connectFirst, redisClient } from './redis-client.ts';
import { RedisOutage, redisFault } from './redis-outage.ts';
import { PUSH_SCRIPT, REMOVE_SCRIPT, TAKE_SCRIPT } from './redis-scripts.ts';
import type { QueueFilter, QueueItem, TaskQueue } from './task-queue.ts';

interface Scripts {
  queuePush(base: string, channel: string, tenant: string, ...items: string[]): Promise<void>;
  queueTake(base: string, lane: string, now: number, count: number, promote: number): Promise<string[]>;
  queueRemove(base: string, ...ids: string[]): Promise<void>;
}

/** Above every time of creation in milliseconds until the year 2286; ranks up to 900 keep the sum exact. */
const RANK_WEIGHT = 1e13;
const MAX_RANK = 900;
const MAX_PROMOTED = 5_000;
/** How long the key lives that tests whether Redis accepts writes. */
const HEALTH_KEY_TTL_MS = 60_000;
/** A script may take some thousand arguments; short ones keep the server free for others. */
const MAX_ITEMS_PER_CALL = 500;

/**
 * The queue in Redis, shared by all processes. Throws a sentence when Redis cannot be reached at the start; later, while
 * it is away, calls throw SERVICE_UNAVAILABLE at once and the client reconnects by itself. `keyPrefix` separates
 * installations that share a server (default `autosession:`).
 */
export async function redisQueue(config: RedisConfig & { keyPrefix?: string }, logger: Logger): Promise<TaskQueue> {
  const commands = redisClient(config);
  const subscriber = redisClient(config);
  try {
    await connectFirst(commands, config, logger);
    await connectFirst(subscriber, config, logger);
  } catch (error) {
    commands.disconnect();
    throw error;
  }
  subscriber.on('error', () => {}); // the other connection reports the same outage
  const outage = new RedisOutage(commands, logger);
  return RedisQueue.open({ commands, subscriber, outage, prefix: config.keyPrefix ?? 'autosession:' });
}

interface QueueParts {
  readonly commands: Redis;
  readonly subscriber: Redis;
  readonly outage: RedisOutage;
  readonly prefix: string;
}

class RedisQueue implements TaskQueue {
  readonly name = 'Redis';
  readonly #redis: Redis & Scripts;
  readonly #subscriber: Redis;
  readonly #outage: RedisOutage;
  readonly #prefix: string;
  readonly #subscribers = new PushSubscribers();

  private constructor({ commands, subscriber, outage, prefix }: QueueParts) {
    commands.defineCommand('queuePush', { numberOfKeys: 1, lua: PUSH_SCRIPT });
    commands.defineCommand('queueTake', { numberOfKeys: 1, lua: TAKE_SCRIPT });
    commands.defineCommand('queueRemove', { numberOfKeys: 1, lua: REMOVE_SCRIPT });
    this.#redis = commands as Redis & Scripts;
    this.#subscriber = subscriber;
    this.#outage = outage;
    this.#prefix = prefix;
  }

  static async open(parts: QueueParts): Promise<RedisQueue> {
    const { subscriber } = parts;
    const queue = new RedisQueue(parts);
    subscriber.on('message', (_channel, tenant) => queue.#subscribers.notify(tenant));
    subscriber.on('ready', () => queue.#subscribe().catch(() => subscriber.disconnect(true)));
    await queue.#subscribe();
    return queue;
  }

  /** Pushes during an outage of the subscription are not announced: all subscribers check the queue. */
  async #subscribe(): Promise<void> {
    await this.#subscriber.subscribe(this.#channel);
    this.#subscribers.notifyAll();
  }

  async push(items: readonly QueueItem[]): Promise<void> {
    const tenants = Map.groupBy(items, (item) => item.tenant);
    for (const [tenant, own] of tenants) {
      for (let at = 0; at < own.length; at += MAX_ITEMS_PER_CALL) {
        const values = own.slice(at, at + MAX_ITEMS_PER_CALL).flatMap(itemArguments);
        await this.#call(() => this.#redis.queuePush(this.#base(tenant), this.#channel, tenant, ...values));
        this.#outage.reportSuccess();
      }
    }
  }

  take(tenant: string, filter: QueueFilter, now: number, count: number): Promise<string[]> {
    if (count < 1) return Promise.resolve([]);
    return this.#call(() => this.#redis.queueTake(this.#base(tenant), laneOf(filter), now, count, MAX_PROMOTED));
  }

  async remove(tenant: string, taskIds: readonly string[]): Promise<void> {
    for (let at = 0; at < taskIds.length; at += MAX_ITEMS_PER_CALL) {
      const ids = taskIds.slice(at, at + MAX_ITEMS_PER_CALL);
      await this.#call(() => this.#redis.queueRemove(this.#base(tenant), ...ids));
    }
  }

  waitForPush(tenant: string, ms: number, signal?: AbortSignal): Promise<void> {
    return this.#subscribers.wait(tenant, ms, signal);
  }

  size(tenant: string): Promise<number> {
    return this.#call(() => this.#redis.hlen(`${this.#base(tenant)}items`));
  }

  /** A write, because a replica also answers a ping. */
  async fault(): Promise<string | undefined> {
    try {
      await this.#redis.set(`${this.#prefix}health`, '1', 'PX', HEALTH_KEY_TTL_MS);
      this.#outage.reportSuccess();
      return undefined;
    } catch (error) {
      this.#outage.reportFailure(error);
      return this.#outage.reason ?? redisFault(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscribers.notifyAll();
    this.#subscriber.disconnect();
    this.#redis.disconnect();
  }

  /** The braces keep a tenant's keys on one node of a Redis cluster. */
  #base(tenant: string): string {
    return `${this.#prefix}{${tenant}}:queue:`;
  }

  get #channel(): string {
    return `${this.#prefix}queue:pushed`;
  }

  async #call<R>(command: () => Promise<R>): Promise<R> {
    assertNoTransaction('a call to Redis');
    try {
      return await command();
    } catch (error) {
      this.#outage.reportFailure(error);
      throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'the task queue does not answer', {}, error);
    }
  }
}

function itemArguments(item: QueueItem): string[] {
  const score = Math.min(item.rank, MAX_RANK) * RANK_WEIGHT + item.createdAt;
  const { platform, accountId } = item;
  const lanes = [laneOf({}), laneOf({ platform }), laneOf({ accountId }), laneOf({ platform, accountId })];
  // the score as text: Lua would write it in 14 digits
  return [item.taskId, String(item.readyAt), JSON.stringify({ score: String(score), lanes })];
}

/** The lengths make names with colons unambiguous. */
function laneOf({ platform, accountId }: QueueFilter): string {
  const part = (letter: string, name: string | undefined) =>
    name === undefined ? '' : `:${letter}${name.length}:${name}`;
  return `lane${part('p', platform)}${part('a', accountId)}`;
}
