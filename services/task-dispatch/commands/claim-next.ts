import { randomBytes } from 'node:crypto';
import type { Executor } from '../../lib/db/sql-backend.ts';
import type { QueueFilter } from '../../lib/messaging/queue/task-queue.ts';
import { currentContext } from '../../lib/runtime/request-context.ts';
import type { TaskDeps } from '../deps.ts';
import type { StoredTask } from '../domain/task.ts';
import { claimTask, leasedTo, readyTasks } from '../store/claims.ts';
import type { TaskTables } from '../store/tables.ts';
import { findTask, taskOf } from '../store/tasks.ts';
import { cacheTaskSession, logTask } from '../unit-of-work/after-commit.ts';
import { expireLease } from './expire-lease.ts';

/** The number of tasks in one database read; those that are not claimed go to the queue. */
const CANDIDATES = 16;

export interface Claimant {
  /** Empty for an unnamed worker. */
  readonly workerId: string;
  readonly filter: QueueFilter;
}

/**
 * Leases the most urgent ready task: the worker's unfetched one again if it has one, else one from the queue, else one from the
 * database. Undefined when there is none.
 */
export async function claimNext(deps: TaskDeps, claimant: Claimant): Promise<StoredTask | undefined> {
  const held = await currentLease(deps, claimant.workerId);
  return held ?? (await claimFromQueue(deps, claimant)) ?? (await claimFromDatabase(deps, claimant));
}

/** The worker's current lease. An expired one is ended here, since the unique index would prevent the next one. */
async function currentLease(deps: TaskDeps, workerId: string): Promise<StoredTask | undefined> {
  if (!workerId) return undefined;
  const task = await leasedTo(deps.db.autocommit(), currentContext().tenant, workerId);
  if (!task || (task.leaseExpiresAt ?? 0) > deps.clock.now()) return task;
  await expireLease(deps, task);
  return undefined;
}

async function claimFromQueue(deps: TaskDeps, claimant: Claimant): Promise<StoredTask | undefined> {
  const { tenant, signal } = currentContext();
  for (;;) {
    signal?.throwIfAborted();
    const taskId = await deps.ready.take(tenant, claimant.filter, deps.clock.now());
    if (!taskId) return undefined;
    const task = await findTask(deps.db.autocommit(), tenant, taskId);
    const wanted = task && isWanted(task, claimant.filter);
    const leased = wanted && (await tryClaim(deps, claimant, task));
    if (leased) return leased;
  }
}

/** The queue is only a hint; its filter is checked too. */
function isWanted(task: StoredTask, { platform, accountId }: QueueFilter): boolean {
  return (
    (platform === undefined || task.platform === platform) && (accountId === undefined || task.accountId === accountId)
  );
}

async function claimFromDatabase(deps: TaskDeps, claimant: Claimant): Promise<StoredTask | undefined> {
  const { tenant, signal } = currentContext();
  while (deps.ready.shouldCheckDatabase(tenant, claimant.filter)) {
    signal?.throwIfAborted();
    const rows = await readyTasks(
      deps.db.autocommit(),
      tenant,
      claimant.filter,
      deps.clock.now(),
      CANDIDATES,
    ).execute();
    // there may be more: read the database again when these are claimed
    if (rows.length === CANDIDATES) deps.ready.markStale(tenant);
    const leased = await claimFirst(deps, claimant, rows.map(taskOf));
    if (leased) return leased;
  }
  return undefined;
}

async function claimFirst(deps: TaskDeps, claimant: Claimant, tasks: readonly StoredTask[]) {
  for (const [index, task] of tasks.entries()) {
    const leased = await tryClaim(deps, claimant, task);
    if (!leased) continue;
    await deps.ready.push(tasks.slice(index + 1).filter((other) => other.taskId !== leased.taskId));
    return leased;
  }
  return undefined;
}

/** Leases this task unless a concurrent claim was faster. Concurrent claims of one worker get the same lease. */
async function tryClaim(deps: TaskDeps, { workerId }: Claimant, task: StoredTask): Promise<StoredTask | undefined> {
  const now = deps.clock.now();
  const secret = randomBytes(15).toString('base64url');
  const lease = { workerId, secret, expiresAt: now + deps.config.leaseSeconds * 1_000 };
  try {
    const claim = (tx: Executor<TaskTables>) => claimTask(tx, task, lease, now);
    const leased = await deps.db.transaction('task.claim', claim, { group: 'claims' });
    if (leased) {
      cacheTaskSession(deps, leased);
      logTask(deps, 'task_leased', leased, 'claimed');
    }
    // the queue proposed it too early
    if (!leased && task.status === 'pending' && task.runAt > now) await deps.ready.push([task]);
    return leased;
  } catch (error) {
    if (!deps.db.isDuplicateKey(error)) throw error;
    await deps.ready.push([task]);
    return currentLease(deps, workerId);
  }
}
