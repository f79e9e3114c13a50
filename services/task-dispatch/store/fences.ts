import { precompiledQuery } from '../../lib/db/precompiled-query/precompiled-query.ts';
import { columnsFor, recordOf } from '../../lib/db/row-mapping.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { onDuplicateUpdate } from '../../lib/db/upsert.ts';
import type { Fence } from '../domain/fence.ts';
import type { TaskTables } from './tables.ts';

export async function findFence(
  db: Executor<TaskTables>,
  tenant: string,
  sessionId: string,
): Promise<Fence | undefined> {
  const [row] = (await select(db, { tenant, sessionIds: [sessionId] })).rows;
  return row && fenceOf(row);
}

/** Reads the fences of the sessions and locks them until the transaction ends, ordered by session id. */
export async function lockFences(
  tx: Executor<TaskTables>,
  tenant: string,
  sessionIds: readonly string[],
): Promise<Fence[]> {
  return (await selectLocked(tx, { tenant, sessionIds })).rows.map(fenceOf);
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

const batched = { batchKey: { parameter: 'sessionIds', keyColumn: 'session_id' } } as const;
const select = precompiledQuery(ofSessions, batched);
const selectLocked = precompiledQuery(
  (db: Executor<TaskTables>, key: Parameters<typeof ofSessions>[1]) => ofSessions(db, key).forUpdate(),
  batched,
);

function fenceOf(row: TaskTables['session_fence']): Fence {
  return recordOf<Fence>(row, ['paused']);
}

/** Stores a new fence. A duplicate may only fail at the commit. */
export function insertFence(tx: Executor<TaskTables>, fence: Fence): Promise<void> {
  return insert.enqueue(tx, { row: columnsFor(fence) });
}

const insert = precompiledQuery((db: Executor<TaskTables>, { row }: { row: object }) =>
  db.insertInto('session_fence').values(row as never),
);

/** Writes a fence that this transaction has locked. */
export function updateFence(tx: Executor<TaskTables>, fence: Fence): Promise<void> {
  return update.enqueue(tx, { row: columnsFor(fence) });
}

const update = precompiledQuery((db: Executor<TaskTables>, { row }: { row: object }, dialect) =>
  onDuplicateUpdate(db.insertInto('session_fence').values(row as never), dialect, {
    key: ['tenant', 'session_id'],
    columns: Object.keys(row),
  }),
);
