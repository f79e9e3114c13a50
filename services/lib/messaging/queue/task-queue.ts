/** A task that waits to be handed out. */
export interface QueueItem {
  readonly tenant: string;
  readonly taskId: string;
  /** Lower ranks first. task-dispatch computes it from level and priority. */
  readonly rank: number;
  /** Epoch milliseconds before which it is not handed out. */
  readonly readyAt: number;
  /** Epoch milliseconds; among equals the older one goes first. */
  readonly createdAt: number;
  readonly platform: string;
  readonly accountId: string;
}

/** Only items of this platform, of this account, or both; nothing means any. */
export interface QueueFilter {
  readonly platform?: string;
  readonly accountId?: string;
}

/**
 * Proposes which task to hand out next. It is a hint: the database confirms every proposal with a compare-and-set, and is
 * asked when the queue is empty. All of its content may be lost at any time.
 */
export interface TaskQueue extends AsyncDisposable {
  /** For people: `Redis`, `SQL`. */
  readonly name: string;
  /** Adds or replaces the items and wakes the subscribers. Throws when it cannot be reached. */
  push(items: readonly QueueItem[]): Promise<void>;
  /** Removes and returns at most `count` ids of ready items, most urgent first. Throws when it cannot be reached. */
  take(tenant: string, filter: QueueFilter, now: number, count: number): Promise<string[]>;
  /** Removes the ids; unknown ones are no error. */
  remove(tenant: string, taskIds: readonly string[]): Promise<void>;
  /** Resolves when something was pushed for the tenant, by any process, or after `ms`, or when the signal aborts. Never throws. */
  waitForPush(tenant: string, ms: number, signal?: AbortSignal): Promise<void>;
  /** How many items are held for the tenant. */
  size(tenant: string): Promise<number>;
  /** Why the queue accepts nothing now (`away`, `read_only`, `full`, `refused`); undefined when it does. Never throws. */
  fault(): Promise<string | undefined>;
}
