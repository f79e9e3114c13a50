import { precompiledQuery } from '../../lib/db/precompiled-query/precompiled-query.ts';
import { columnsFor, recordOf } from '../../lib/db/row-mapping.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { sqlTime } from '../../lib/db/sql-time.ts';
import type { StoredTask, TaskStatusName } from '../domain/task.ts';
import { fromStoredStatus, type StoredStatus, toStoredStatus } from './stored-status.ts';
import type { TaskRow, TaskTables } from './tables.ts';

/** Lists and reports of a session consider only its newest tasks. */
export const MAX_SESSION_TASKS = 200;

export function taskOf({ active_worker: _, ...row }: TaskRow & { active_worker?: string | null }): StoredTask {
  const task = recordOf<StoredTask>(row, ['vip']);
  task.status = fromStoredStatus(row.status);
  return task;
}

/** The columns of (a part of) a task. */
export function taskColumns({ status, ...fields }: Partial<StoredTask>): Partial<TaskRow> {
  const columns = columnsFor(fields) as Partial<TaskRow>;
  return status === undefined ? columns : { ...columns, status: toStoredStatus(status) };
}

export async function findTask(
  db: Executor<TaskTables>,
  tenant: string,
  taskId: string,
): Promise<StoredTask | undefined> {
  const [row] = (await byIds(db, { tenant, taskIds: [taskId] })).rows;
  return row && taskOf(row);
}

/** Reads a task and locks it until the transaction ends. The fence of its session must be locked first. */
export async function lockTask(
  tx: Executor<TaskTables>,
  tenant: string,
  taskId: string,
): Promise<StoredTask | undefined> {
  const [row] = (await byIdsLocked(tx, { tenant, taskIds: [taskId] })).rows;
  return row && taskOf(row);
}

interface TaskKey {
  readonly tenant: string;
  readonly taskId: string;
}

interface TaskKeys {
  readonly tenant: string;
  readonly taskIds: readonly string[];
}

const selectByIds = (db: Executor<TaskTables>, { tenant, taskIds }: TaskKeys) =>
  db.selectFrom('tasks').selectAll().where('tenant', '=', tenant).where('task_id', 'in', taskIds).orderBy('task_id');

const batched = { batchKey: { parameter: 'taskIds', keyColumn: 'task_id' } } as const;
const byIds = precompiledQuery(selectByIds, batched);
const byIdsLocked = precompiledQuery(
  (db: Executor<TaskTables>, keys: TaskKeys) => selectByIds(db, keys).forUpdate(),
  batched,
);

/**
 * A session's tasks in these states, newest first, locked until the transaction ends. Its fence must be locked first: then only
 * a claim can change them between the read and the locks. They are not read and locked by one statement: a scan along an
 * index by state would miss a task that is claimed meanwhile, since its entry moves to a range that was scanned before.
 */
export async function lockSessionTasks(
  tx: Executor<TaskTables>,
  tenant: string,
  sessionId: string,
  statuses: readonly TaskStatusName[],
): Promise<StoredTask[]> {
  const { rows } = await idsOfSession(tx, { tenant, sessionId, statuses: statuses.map(toStoredStatus) });
  const tasks = await Promise.all(rows.map(({ task_id }) => lockTask(tx, tenant, task_id)));
  return tasks.filter((task) => task !== undefined);
}

const idsOfSession = precompiledQuery(
  (db: Executor<TaskTables>, key: { tenant: string; sessionId: string; statuses: readonly StoredStatus[] }) =>
    db
      .selectFrom('tasks')
      .select('task_id')
      .where('tenant', '=', key.tenant)
      .where('session_id', '=', key.sessionId)
      .where('status', 'in', key.statuses)
      .orderBy('created_at', 'desc')
      .orderBy('task_id', 'desc'),
);

/** A session's newest tasks, newest first. */
export async function sessionTasks(db: Executor<TaskTables>, tenant: string, sessionId: string): Promise<StoredTask[]> {
  return (await ofSession(db, tenant, sessionId).limit(MAX_SESSION_TASKS).execute()).map(taskOf);
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

/** The newest task of the session with this external id and content that is open or was completed since `completedSince`. */
export async function findEqualTask(
  tx: Executor<TaskTables>,
  task: Pick<StoredTask, 'tenant' | 'sessionId' | 'externalTaskId' | 'contentHash'>,
  openStatuses: readonly TaskStatusName[],
  completedSince: number,
): Promise<StoredTask | undefined> {
  const row = await ofSession(tx, task.tenant, task.sessionId)
    .where('external_task_id', '=', task.externalTaskId)
    .where('content_hash', '=', task.contentHash)
    .where((eb) =>
      eb.or([
        eb('status', 'in', openStatuses.map(toStoredStatus)),
        eb.and([eb('status', '=', 'completed'), eb('finished_at', '>=', sqlTime(completedSince))]),
      ]),
    )
    .limit(1)
    .executeTakeFirst();
  return row && taskOf(row);
}

/** The tasks of agents from before this epoch that a fence of this or a later epoch has withdrawn. */
export async function findUnsentAgentTasks(
  db: Executor<TaskTables>,
  { tenant, sessionId, tasksFromEpoch }: { tenant: string; sessionId: string; tasksFromEpoch: number },
): Promise<StoredTask[]> {
  const rows = await db
    .selectFrom('tasks')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('session_id', '=', sessionId)
    .where('withdrawn_epoch', '>=', tasksFromEpoch)
    .where('owner_epoch', '<', tasksFromEpoch)
    .where('status', '=', 'cancelled')
    .execute();
  return rows.map(taskOf);
}

/** The unknown tasks between an account and a shop. */
export async function unknownTasks(db: Executor<TaskTables>, parties: PartiesKeys): Promise<StoredTask[]> {
  const { rows } = await unknownBetween(db, parties);
  return rows.map(taskOf);
}

interface PartiesKeys {
  readonly tenant: string;
  readonly accountKey: string;
  readonly shopKeys: readonly string[];
}

const unknownBetween = precompiledQuery((db: Executor<TaskTables>, parties: PartiesKeys) =>
  db
    .selectFrom('tasks')
    .selectAll()
    .where('tenant', '=', parties.tenant)
    .where('account_key', '=', parties.accountKey)
    .where('shop_key', 'in', parties.shopKeys)
    .where('status', '=', 'unknown'),
);

/** Stores a new task. A duplicate id may only fail at the commit. */
export function insertTask(tx: Executor<TaskTables>, task: StoredTask): Promise<void> {
  return insert.enqueue(tx, { row: taskColumns(task) as TaskRow });
}

const insert = precompiledQuery((db: Executor<TaskTables>, { row }: { row: TaskRow }) =>
  db.insertInto('tasks').values(row as never),
);

/** Writes the changed columns of a task that this transaction has locked. */
export function updateTask(tx: Executor<TaskTables>, task: StoredTask, changes: Partial<StoredTask>): Promise<void> {
  const { tenant, taskId } = task;
  return update.enqueue(tx, { tenant, taskId, changes: taskColumns(changes) });
}

const update = precompiledQuery(
  (db: Executor<TaskTables>, { tenant, taskId, changes }: TaskKey & { changes: object }) =>
    db
      .updateTable('tasks')
      .set(changes as never)
      .where('tenant', '=', tenant)
      .where('task_id', '=', taskId),
);
