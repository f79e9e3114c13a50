import type { Dialect, Executor } from '../../lib/db/database.ts';
import { lockRow } from '../../lib/db/lock-row.ts';
import { sqlTime } from '../../lib/db/time.ts';
import type { Status, StoredTask } from '../domain/task.ts';
import { columnsFor, recordOf } from './row.ts';
import type { TaskRow, TaskTables } from './tables.ts';

/** A session shows, and a report chooses among, at most this many of its newest tasks. */
export const SESSION_TASKS = 200;

/** The task of a row. */
export function taskOf({ active_worker: _, ...row }: TaskRow & { active_worker?: string | null }): StoredTask {
  return recordOf<StoredTask>(row, ['vip']);
}

export async function findTask(
  db: Executor<TaskTables>,
  tenant: string,
  taskId: string,
): Promise<StoredTask | undefined> {
  const row = await byId(db, tenant, taskId).executeTakeFirst();
  return row && taskOf(row);
}

/** Reads a task and locks it until the transaction ends. Its session's fence is to be locked first. */
export async function lockTask(
  tx: Executor<TaskTables>,
  dialect: Dialect,
  tenant: string,
  taskId: string,
): Promise<StoredTask | undefined> {
  const row = await lockRow(byId(tx, tenant, taskId), dialect).executeTakeFirst();
  return row && taskOf(row);
}

function byId(db: Executor<TaskTables>, tenant: string, taskId: string) {
  return db.selectFrom('tasks').selectAll().where('tenant', '=', tenant).where('task_id', '=', taskId);
}

/** A session's tasks in these states, newest first, locked until the transaction ends. */
export async function lockSessionTasks(
  tx: Executor<TaskTables>,
  dialect: Dialect,
  tenant: string,
  sessionId: string,
  statuses: readonly Status[],
): Promise<StoredTask[]> {
  const query = ofSession(tx, tenant, sessionId).where('status', 'in', [...statuses]);
  return (await lockRow(query, dialect).execute()).map(taskOf);
}

/** A session's newest tasks, newest first. */
export async function sessionTasks(db: Executor<TaskTables>, tenant: string, sessionId: string): Promise<StoredTask[]> {
  return (await ofSession(db, tenant, sessionId).limit(SESSION_TASKS).execute()).map(taskOf);
}

function ofSession(db: Executor<TaskTables>, tenant: string, sessionId: string) {
  return db
    .selectFrom('tasks')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('session_id', '=', sessionId)
    .orderBy('created_at', 'desc')
    .orderBy('task_id', 'desc');
}

/** The newest task of the session that says the same for the same upstream task and is open, or was completed since. */
export async function findEqualTask(
  tx: Executor<TaskTables>,
  task: Pick<StoredTask, 'tenant' | 'sessionId' | 'externalTaskId' | 'contentHash'>,
  openStatuses: readonly Status[],
  completedSince: number,
): Promise<StoredTask | undefined> {
  const row = await ofSession(tx, task.tenant, task.sessionId)
    .where('external_task_id', '=', task.externalTaskId)
    .where('content_hash', '=', task.contentHash)
    .where((eb) =>
      eb.or([
        eb('status', 'in', [...openStatuses]),
        eb.and([eb('status', '=', 'completed'), eb('finished_at', '>=', sqlTime(completedSince))]),
      ]),
    )
    .limit(1)
    .executeTakeFirst();
  return row && taskOf(row);
}

/** The tasks between an account and a shop of which nobody knows whether they were sent. */
export async function unknownTasks(
  db: Executor<TaskTables>,
  tenant: string,
  accountKey: string,
  shopKey: string,
): Promise<StoredTask[]> {
  const rows = await db
    .selectFrom('tasks')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('account_key', '=', accountKey)
    .where('shop_key', '=', shopKey)
    .where('status', '=', 'unknown')
    .execute();
  return rows.map(taskOf);
}

export async function insertTask(tx: Executor<TaskTables>, task: StoredTask): Promise<void> {
  await tx
    .insertInto('tasks')
    .values(columnsFor(task) as never)
    .execute();
}

/** Writes what changed, unless somebody else changed the task since it was read: then false. `changes` raises version. */
export async function updateTask(
  tx: Executor<TaskTables>,
  task: StoredTask,
  changes: Partial<StoredTask>,
): Promise<boolean> {
  const result = await tx
    .updateTable('tasks')
    .set(columnsFor(changes) as never)
    .where('tenant', '=', task.tenant)
    .where('task_id', '=', task.taskId)
    .where('version', '=', task.version)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}
