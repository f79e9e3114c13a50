import { LRUCache } from 'lru-cache';
import type { QueueFilter, QueueItem, TaskQueue } from '../../lib/messaging/queue/task-queue.ts';
import type { Logger } from '../../lib/observability/logger.ts';
import { failureLogLevel } from '../../lib/runtime/loop-failure-log.ts';
import type { StoredTask } from '../domain/task.ts';

/** How often, per tenant and filter, an empty queue is checked against the database. */
const CHECK_EVERY_MS = 100;
const MAX_TRACKED_FILTERS = 1_000;

/**
 * The queue of ready tasks. It is only a hint: a failure is logged and marks the queue as stale, so that the database is read
 * the next time the queue is empty.
 */
export class ReadyQueue {
  readonly #queue: TaskQueue;
  readonly #logger: Logger;
  readonly #staleTenants = new Set<string>();
  readonly #lastChecks = new LRUCache<string, number>({ max: MAX_TRACKED_FILTERS });

  constructor(queue: TaskQueue, logger: Logger) {
    this.#queue = queue;
    this.#logger = logger;
  }

  /** Adds ready tasks; false when the queue cannot be reached. */
  async push(tasks: readonly StoredTask[]): Promise<boolean> {
    if (tasks.length === 0) return true;
    try {
      await this.#queue.push(tasks.map(itemOf));
      return true;
    } catch (error) {
      for (const task of tasks) this.markStale(task.tenant);
      this.#warn('push', error);
      return false;
    }
  }

  /** Removes tasks that are not ready any more, so that they are not proposed in vain. */
  async remove(tenant: string, taskIds: readonly string[]): Promise<void> {
    if (taskIds.length === 0) return;
    await this.#queue.remove(tenant, taskIds).catch((error) => this.#warn('remove', error));
  }

  /** Takes the id of the most urgent ready task; undefined when the queue is empty or cannot be reached. */
  async take(tenant: string, filter: QueueFilter, now: number): Promise<string | undefined> {
    try {
      return (await this.#queue.take(tenant, filter, now, 1))[0];
    } catch (error) {
      this.markStale(tenant);
      this.#warn('take', error);
      return undefined;
    }
  }

  /** Resolves at the next push for the tenant, after `ms`, or when the signal aborts. */
  waitForPush(tenant: string, ms: number, signal: AbortSignal): Promise<void> {
    return this.#queue.waitForPush(tenant, ms, signal);
  }

  /** The next time the queue is empty, the database is read. */
  markStale(tenant: string): void {
    this.#staleTenants.add(tenant);
  }

  /** Whether to read the database when the queue is empty: always while it is stale, otherwise once per interval. */
  shouldCheckDatabase(tenant: string, { platform = '', accountId = '' }: QueueFilter): boolean {
    const key = JSON.stringify([tenant, platform, accountId]);
    const now = performance.now();
    const recently = now - (this.#lastChecks.get(key) ?? Number.NEGATIVE_INFINITY) < CHECK_EVERY_MS;
    if (!this.#staleTenants.delete(tenant) && recently) return false;
    this.#lastChecks.set(key, now);
    return true;
  }

  #warn(operation: string, error: unknown): void {
    this.#logger[failureLogLevel(error)](
      { event: 'queue_unreachable', operation, err: error },
      `the queue cannot be reached (${operation})`,
    );
  }
}

function itemOf(task: StoredTask): QueueItem {
  return {
    tenant: task.tenant,
    taskId: task.taskId,
    rank: task.queueRank,
    readyAt: task.runAt,
    // ordered by readiness: a task does not age while it waits for its time
    createdAt: task.runAt,
    platform: task.platform,
    accountId: task.accountId,
  };
}
