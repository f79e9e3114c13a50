import { precompiledQuery } from '../../lib/db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { sqlTime } from '../../lib/db/sql-time.ts';
import { applyTransition } from '../domain/apply-transition.ts';
import type { StoredTask } from '../domain/task.ts';
import type { TaskTables } from './tables.ts';
import { taskColumns, taskOf } from './tasks.ts';

/** Only tasks of this platform, of this account, or both; nothing means any. */
export interface TaskFilter {
  readonly platform?: string;
  readonly accountId?: string;
}

/** The lease of a claim. */
export interface Lease {
  readonly workerId: string;
  /** Random; the token consists of it and the fence. */
  readonly secret: string;
  readonly expiresAt: number;
}

/**
 * Leases a task by one statement, if it is unchanged since it was read, pending and ready; undefined if it is not. Fails on the
 * unique index when the worker already has an unfetched lease.
 */
export async function claimTask(
  db: Executor<TaskTables>,
  task: StoredTask,
  lease: Lease,
  now: number,
): Promise<StoredTask | undefined> {
  if (task.status !== 'pending' || task.runAt > now) return undefined;
  const leaseFence = task.leaseFence + 1;
  const fields = {
    leaseFence,
    leaseToken: `${leaseFence}.${lease.secret}`,
    leaseExpiresAt: lease.expiresAt,
    workerId: lease.workerId,
  };
  const { task: leased, changes } = applyTransition(task, 'claim', { fields, paused: false, now });
  const { tenant, taskId, version } = task;
  const result = await claim(db, { tenant, taskId, version, readyAt: sqlTime(now), changes: taskColumns(changes) });
  return result.numAffectedRows === 1n ? leased : undefined;
}

interface Claim {
  readonly tenant: string;
  readonly taskId: string;
  readonly version: number;
  readonly readyAt: string;
  readonly changes: object;
}

const claim = precompiledQuery(
  (db: Executor<TaskTables>, { tenant, taskId, version, readyAt, changes }: Claim) =>
    db
      .updateTable('tasks')
      .set(changes as never)
      .where('tenant', '=', tenant)
      .where('task_id', '=', taskId)
      .where('version', '=', version)
      .where('status', '=', 'pending')
      .where('run_at', '<=', readyAt),
  { compareAndSet: true },
);

/** The ready tasks in the order of their dispatch; one index scan. */
export function readyTasks(db: Executor<TaskTables>, tenant: string, filter: TaskFilter, now: number, limit: number) {
  const { platform, accountId } = filter;
  return db
    .selectFrom('tasks')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('status', '=', 'pending')
    .where('run_at', '<=', sqlTime(now))
    .$if(accountId !== undefined, (query) => query.where('account_id', '=', accountId!))
    .$if(platform !== undefined, (query) => query.where('platform', '=', platform!))
    .orderBy('queue_rank')
    .orderBy('run_at')
    .orderBy('task_id')
    .limit(limit);
}

/** The pending tasks that are not ready yet, by the time at which they will be. */
export function waitingTasks(db: Executor<TaskTables>, tenant: string, now: number, limit: number) {
  return db
    .selectFrom('tasks')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('status', '=', 'pending')
    .where('run_at', '>', sqlTime(now))
    .orderBy('run_at')
    .orderBy('task_id')
    .limit(limit);
}

/** The unfetched task that is leased to the worker. */
export async function leasedTo(
  db: Executor<TaskTables>,
  tenant: string,
  workerId: string,
): Promise<StoredTask | undefined> {
  const [row] = (await ofWorkers(db, { tenant, workerIds: [workerId] })).rows;
  return row && taskOf(row);
}

const ofWorkers = precompiledQuery(
  (db: Executor<TaskTables>, { tenant, workerIds }: { tenant: string; workerIds: readonly string[] }) =>
    db.selectFrom('tasks').selectAll().where('tenant', '=', tenant).where('active_worker', 'in', workerIds),
  { batchKey: { parameter: 'workerIds', keyColumn: 'active_worker' } },
);
