import type { Executor } from '../../lib/db/sql-backend.ts';
import { parseSqlTime, sqlTime } from '../../lib/db/sql-time.ts';
import type { StoredTask, TaskStatusName } from '../domain/task.ts';
import { toStoredStatus } from './stored-status.ts';
import type { TaskTables } from './tables.ts';
import { taskOf } from './tasks.ts';

/** A task of any tenant. */
export interface TaskRef {
  readonly tenant: string;
  readonly taskId: string;
  readonly sessionId: string;
}

/** Tasks of all tenants in this state whose lease has expired by then, oldest first. */
export async function expiredTasks(
  db: Executor<TaskTables>,
  status: TaskStatusName,
  by: number,
  limit: number,
): Promise<TaskRef[]> {
  const rows = await expired(db, status, by, limit).execute();
  return rows.map(refOf);
}

/** Tasks of all tenants that are unknown since then and were not reported yet. */
export async function unsettledTasks(db: Executor<TaskTables>, since: number, limit: number): Promise<TaskRef[]> {
  // a task becomes unknown after its lease expires: this bound makes the index usable
  const rows = await expired(db, 'unknown', since, limit)
    .where('unknown_at', '<=', sqlTime(since))
    .where('reminded_at', 'is', null)
    .execute();
  return rows.map(refOf);
}

function expired(db: Executor<TaskTables>, status: TaskStatusName, by: number, limit: number) {
  return db
    .selectFrom('tasks')
    .select(['tenant', 'task_id', 'session_id'])
    .where('status', '=', toStoredStatus(status))
    .where('lease_expires_at', '<=', sqlTime(by))
    .orderBy('lease_expires_at')
    .limit(limit);
}

function refOf(row: { tenant: string; task_id: string; session_id: string }): TaskRef {
  return { tenant: row.tenant, taskId: row.task_id, sessionId: row.session_id };
}

/** The position of a scan of the ready tasks. */
export interface ReadyCursor {
  readonly runAt: number;
  readonly taskId: string;
}

/** Ready tasks of all tenants after `after` that are unchanged since `untouchedSince`, oldest first. */
export async function findOrphanedTasks(
  db: Executor<TaskTables>,
  query: { now: number; untouchedSince: number; after?: ReadyCursor; limit: number },
): Promise<StoredTask[]> {
  const { after } = query;
  const rows = await db
    .selectFrom('tasks')
    .selectAll()
    .where('status', '=', 'pending')
    .where('run_at', '<=', sqlTime(query.now))
    .where('updated_at', '<=', sqlTime(query.untouchedSince))
    .$if(after !== undefined, (q) =>
      q
        .where('run_at', '>=', sqlTime(after!.runAt))
        .where((eb) => eb.or([eb('run_at', '>', sqlTime(after!.runAt)), eb('task_id', '>', after!.taskId)])),
    )
    .orderBy('run_at')
    .orderBy('task_id')
    .limit(query.limit)
    .execute();
  return rows.map(taskOf);
}

/** Removes finished tasks of all tenants that are older than `before`; returns how many. */
export async function removeFinishedTasks(db: Executor<TaskTables>, before: number, limit: number): Promise<number> {
  const rows = await db
    .selectFrom('tasks')
    .select(['tenant', 'task_id'])
    .where('finished_at', '<', sqlTime(before))
    .orderBy('finished_at')
    .limit(limit)
    .execute();
  for (const [tenant, taskIds] of groupByTenant(rows, (row) => row.task_id))
    await db
      .deleteFrom('tasks')
      .where('tenant', '=', tenant)
      .where('task_id', 'in', taskIds)
      .where('finished_at', '<', sqlTime(before))
      .execute();
  return rows.length;
}

/** Removes receipts of all tenants that are older than `before`; returns how many. */
export async function removeReceipts(db: Executor<TaskTables>, before: number, limit: number): Promise<number> {
  const oldest = await db
    .selectFrom('receipts')
    .select('fetched_at')
    .where('fetched_at', '<', sqlTime(before))
    .orderBy('fetched_at')
    .offset(limit - 1)
    .limit(1)
    .executeTakeFirst();
  const until = oldest ? parseSqlTime(oldest.fetched_at) + 1 : before;
  const result = await db.deleteFrom('receipts').where('fetched_at', '<', sqlTime(until)).executeTakeFirst();
  return Number(result.numDeletedRows);
}

/** Removes fences of closed sessions of all tenants that are older than `before` and without tasks; returns how many. */
export async function removeFences(db: Executor<TaskTables>, before: number, limit: number): Promise<number> {
  const rows = await db
    .selectFrom('session_fence')
    .select(['tenant', 'session_id'])
    .where('status', '=', 'closed')
    .where('updated_at', '<', sqlTime(before))
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('tasks')
            .select('tasks.task_id')
            .whereRef('tasks.tenant', '=', 'session_fence.tenant')
            .whereRef('tasks.session_id', '=', 'session_fence.session_id'),
        ),
      ),
    )
    .limit(limit)
    .execute();
  for (const [tenant, sessionIds] of groupByTenant(rows, (row) => row.session_id))
    await db
      .deleteFrom('session_fence')
      .where('tenant', '=', tenant)
      .where('session_id', 'in', sessionIds)
      .where('updated_at', '<', sqlTime(before))
      .execute();
  return rows.length;
}

function groupByTenant<R extends { tenant: string }>(rows: readonly R[], idOf: (row: R) => string) {
  const groups = new Map<string, string[]>();
  for (const row of rows) groups.set(row.tenant, [...(groups.get(row.tenant) ?? []), idOf(row)]);
  return groups;
}
