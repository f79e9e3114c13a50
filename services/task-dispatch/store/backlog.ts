import type { QueueLevel } from '../../../gen/autosession/task/v1/task_pb.js';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { parseSqlTime, sqlTime } from '../../lib/db/sql-time.ts';
import type { TaskTables } from './tables.ts';

/** The most tasks of all tenants that are counted, the oldest first. */
const MAX_COUNTED_TASKS = 20_000;

/** Tasks of one level. */
export interface LevelBacklog {
  readonly level: QueueLevel;
  readonly count: number;
  /** Since when the oldest of them has been in this status. */
  readonly oldestAt: number;
}

/** Tasks of all tenants that can be handed out now, by level. */
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

/** Tasks of all tenants of which it is unknown whether they were sent, by level. */
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
