import type { Dialect, Executor } from '../../lib/db/database.ts';
import { lockRow } from '../../lib/db/lock-row.ts';
import type { Fence } from '../domain/fence.ts';
import { columnsFor, recordOf } from './row.ts';
import type { TaskTables } from './tables.ts';

export async function findFence(
  db: Executor<TaskTables>,
  tenant: string,
  sessionId: string,
): Promise<Fence | undefined> {
  const row = await db
    .selectFrom('session_fence')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('session_id', '=', sessionId)
    .executeTakeFirst();
  return row && recordOf<Fence>(row, ['paused']);
}

/** Reads the sessions' fences and locks them until the transaction ends; always in the same order. */
export async function lockFences(
  tx: Executor<TaskTables>,
  dialect: Dialect,
  tenant: string,
  sessionIds: readonly string[],
): Promise<Fence[]> {
  const query = tx
    .selectFrom('session_fence')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('session_id', 'in', [...sessionIds])
    .orderBy('session_id');
  return (await lockRow(query, dialect).execute()).map((row) => recordOf<Fence>(row, ['paused']));
}

export async function insertFence(tx: Executor<TaskTables>, fence: Fence): Promise<void> {
  await tx
    .insertInto('session_fence')
    .values(columnsFor(fence) as never)
    .execute();
}

/** Writes a fence that this transaction has locked. */
export async function updateFence(tx: Executor<TaskTables>, fence: Fence): Promise<void> {
  const { tenant, sessionId, ...rest } = fence;
  await tx
    .updateTable('session_fence')
    .set(columnsFor(rest) as never)
    .where('tenant', '=', tenant)
    .where('session_id', '=', sessionId)
    .execute();
}
