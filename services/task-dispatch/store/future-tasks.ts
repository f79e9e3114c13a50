import type { Executor } from '../../lib/db/sql-backend.ts';
import { sqlTime } from '../../lib/db/sql-time.ts';
import { openStatuses, type StoredTask } from '../domain/task.ts';
import { toStoredStatus } from './stored-status.ts';
import type { TaskTables } from './tables.ts';
import { taskColumns, taskOf } from './tasks.ts';

/** Open tasks of all tenants whose last change is after `now`. */
export async function futureTasks(db: Executor<TaskTables>, now: number, limit: number): Promise<StoredTask[]> {
  const rows = await db
    .selectFrom('tasks')
    .selectAll()
    .where('status', 'in', openStatuses.map(toStoredStatus))
    .where('updated_at', '>', sqlTime(now))
    .limit(limit)
    .execute();
  return rows.map(taskOf);
}

/** Changes the times of a task, unless it was changed since it was read. */
export async function setTimes(
  db: Executor<TaskTables>,
  { tenant, taskId, version }: StoredTask,
  times: Partial<Pick<StoredTask, 'runAt' | 'leaseExpiresAt' | 'unknownAt' | 'updatedAt'>>,
): Promise<void> {
  await db
    .updateTable('tasks')
    .set(taskColumns(times) as never)
    .where('tenant', '=', tenant)
    .where('task_id', '=', taskId)
    .where('version', '=', version)
    .execute();
}
