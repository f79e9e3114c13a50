import type { QueueFilter, QueueItem, TaskQueue } from '../../lib/messaging/queue/task-queue.ts';
import type { Logger } from '../../lib/observability/logger.ts';
import { failureLogLevel } from '../../lib/runtime/loop-failure-log.ts';
import type { StoredTask } from '../domain/task.ts';

/** How often, per tenant and filter, an empty queue is checked against the database. */
const CHECK_EVERY_MS = 100;
const MAX_TRACKED_FILTERS = 1_000;

/**
 * The task queue as the hint that it is: a failure is logged, and from then on the queue is suspect, so that the next time
 * it says *empty* the database is asked at once.
 */
export class ReadyQueue {
  readonly #queue: TaskQueue;
  readonly #logger: Logger;
  readonly #staleTenants = new Set<string>();
  readonly #lastChecks = new Map<string, number>();

  constructor(queue: TaskQueue, logger: Logger) {
    this.#queue = queue;
    this.#logger = logger;
  }

  /** Tells the queue of tasks that wait; false when it could not be told. */
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

  /** Tells the queue of tasks that wait no more. Would they stay, they would be proposed in vain. */
  async remove(tenant: string, taskIds: readonly string[]): Promise<void> {
    if (taskIds.length === 0) return;
    await this.#queue.remove(tenant, taskIds).catch((error) => this.#warn('remove', error));
  }

  /** The most urgent ready task's id, taken out; undefined when the queue is empty or cannot be reached. */
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

  /** From now on *empty* is not believed. */
  markStale(tenant: string): void {
    this.#staleTenants.add(tenant);
  }

  /** Whether the database is to be asked now that the queue is empty: always while it is suspect, else now and then. */
  shouldCheckDatabase(tenant: string, { platform = '', accountId = '' }: QueueFilter): boolean {
    const key = JSON.stringify([tenant, platform, accountId]);
    const now = performance.now();
    const recently = now - (this.#lastChecks.get(key) ?? Number.NEGATIVE_INFINITY) < CHECK_EVERY_MS;
    if (!this.#staleTenants.delete(tenant) && recently) return false;
    if (this.#lastChecks.size >= MAX_TRACKED_FILTERS) this.#lastChecks.clear();
    this.#lastChecks.set(key, now);
    return true;
  }

  #warn(operation: string, error: unknown): void {
    this.#logger[failureLogLevel(error)](
      { event: 'queue_unreachable', operation, err: error },
      `the queue does not answer (${operation})`,
    );
  }
}

function itemOf(task: StoredTask): QueueItem {
  return {
    tenant: task.tenant,
    taskId: task.taskId,
    rank: task.queueRank,
    readyAt: task.runAt,
    // who has been ready for longest goes first: a task that waits for its time does not age meanwhile
    createdAt: task.runAt,
    platform: task.platform,
    accountId: task.accountId,
  };
}
