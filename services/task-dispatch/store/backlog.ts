import type { QueueLevel } from '../../../gen/autosession/task/v1/task_pb.js';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { parseSqlTime, sqlTime } from '../../lib/db/sql-time.ts';
import type { TaskTables } from './tables.ts';

/** Of the tasks of all tenants the oldest are counted. */
const MAX_COUNTED_TASKS = 20_000;

export interface LevelBacklog {
  readonly level: QueueLevel;
  readonly count: number;
  /** Since when the oldest has this status. */
  readonly oldestAt: number;
}

/** Ready tasks of all tenants, by level. */
export async function waitingByLevel(db: Executor<TaskTables>, now: number): Promise<LevelBacklog[]> {
  const ready = db
    .selectFrom('tasks')
    .select(['level', 'run_at as since'])
    .where('status', '=', 'pending')
    .where('run_at', '<=', sqlTime(now))
    .orderBy('run_at')
    .limit(MAX_COUNTED_TASKS);
  const rows = await db
    .selectFrom(ready.as('ready'))
    .select((eb) => ['level', eb.fn.countAll().as('count'), eb.fn.min('since').as('oldest')])
    .groupBy('level')
    .execute();
  return rows.map(backlogOf);
}

/** Unknown tasks of all tenants, by level. */
export async function unknownByLevel(db: Executor<TaskTables>): Promise<LevelBacklog[]> {
  const unknown = db
    .selectFrom('tasks')
    .select(['level', 'lease_expires_at as since'])
    .where('status', '=', 'unknown')
    .where('lease_expires_at', 'is not', null)
    .orderBy('lease_expires_at')
    .limit(MAX_COUNTED_TASKS);
  const rows = await db
    .selectFrom(unknown.as('unsettled'))
    .select((eb) => ['level', eb.fn.countAll().as('count'), eb.fn.min('since').as('oldest')])
    .groupBy('level')
    .execute();
  return rows.map(backlogOf);
}

function backlogOf({ level, count, oldest }: { level: QueueLevel; count: unknown; oldest: unknown }): LevelBacklog {
  return { level, count: Number(count), oldestAt: parseSqlTime(String(oldest)) };
}
