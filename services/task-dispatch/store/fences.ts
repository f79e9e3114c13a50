import type { Executor } from '../../lib/db/database.ts';
import { lockRow } from '../../lib/db/lock-row.ts';
import { prepared } from '../../lib/db/prepared.ts';
import type { Fence } from '../domain/fence.ts';
import { columnsFor, recordOf } from './row.ts';
import type { TaskTables } from './tables.ts';

interface FenceKey {
  readonly tenant: string;
  readonly sessionId: string;
}

export async function findFence(
  db: Executor<TaskTables>,
  tenant: string,
  sessionId: string,
): Promise<Fence | undefined> {
  const [row] = (await select(db, { tenant, sessionIds: [sessionId] })).rows;
  return row && fenceOf(row);
}

/** Reads the sessions' fences and locks them until the transaction ends; always in the same order. */
export async function lockFences(
  tx: Executor<TaskTables>,
  tenant: string,
  sessionIds: readonly string[],
): Promise<Fence[]> {
  return (await selectLocked(tx, { tenant, sessionIds })).rows.map(fenceOf);
}

/** The same for the fence of the session that a task belongs to; undefined when there is no such task. */
export async function lockFenceOfTask(
  tx: Executor<TaskTables>,
  tenant: string,
  taskId: string,
): Promise<Fence | undefined> {
  const [row] = (await selectOfTask(tx, { tenant, taskId })).rows;
  return row && fenceOf(row);
}

const ofSessions = (
  db: Executor<TaskTables>,
  { tenant, sessionIds }: { tenant: string; sessionIds: readonly string[] },
) =>
  db
    .selectFrom('session_fence')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('session_id', 'in', sessionIds)
    .orderBy('session_id');

const select = prepared(ofSessions);
const selectLocked = prepared((db: Executor<TaskTables>, key: Parameters<typeof ofSessions>[1], dialect) =>
  lockRow(ofSessions(db, key), dialect),
);

/** A task never changes its session, so that it is not locked before the fence does no harm. */
const selectOfTask = prepared(
  (db: Executor<TaskTables>, { tenant, taskId }: { tenant: string; taskId: string }, dialect) =>
    lockRow(
      db
        .selectFrom('session_fence')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('session_id', '=', (eb) =>
          eb.selectFrom('tasks').select('tasks.session_id').where('tenant', '=', tenant).where('task_id', '=', taskId),
        ),
      dialect,
    ),
);

function fenceOf(row: TaskTables['session_fence']): Fence {
  return recordOf<Fence>(row, ['paused']);
}

/** Stores a new fence. That there is one may come out at the commit. */
export function insertFence(tx: Executor<TaskTables>, fence: Fence): Promise<void> {
  return insert.later(tx, { row: columnsFor(fence) });
}

const insert = prepared((db: Executor<TaskTables>, { row }: { row: object }) =>
  db.insertInto('session_fence').values(row as never),
);

/** Writes a fence that this transaction has locked. */
export function updateFence(tx: Executor<TaskTables>, fence: Fence): Promise<void> {
  const { tenant, sessionId, ...rest } = fence;
  return update.later(tx, { tenant, sessionId, changes: columnsFor(rest) });
}

const update = prepared((db: Executor<TaskTables>, { tenant, sessionId, changes }: FenceKey & { changes: object }) =>
  db
    .updateTable('session_fence')
    .set(changes as never)
    .where('tenant', '=', tenant)
    .where('session_id', '=', sessionId),
);
