import { type QueueLevel, TaskAuthor } from '../../../gen/autosession/task/v1/task_pb.js';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { parseSqlTime, sqlTime } from '../../lib/db/sql-time.ts';
import type { StoredTask, TaskStatusName } from '../domain/task.ts';
import type { TaskCursor } from '../domain/task-cursor.ts';
import { fromStoredStatus, toStoredStatus } from './stored-status.ts';
import type { TaskTables } from './tables.ts';
import { MAX_SESSION_TASKS, taskOf } from './tasks.ts';

/** The tasks after `after`, newest first. */
export async function findTaskPage(
  db: Executor<TaskTables>,
  tenant: string,
  query: { status?: TaskStatusName; sessionId?: string; after?: TaskCursor; limit: number },
): Promise<StoredTask[]> {
  const { status, sessionId, after } = query;
  const rows = await db
    .selectFrom('tasks')
    .selectAll()
    .where('tenant', '=', tenant)
    .$if(status !== undefined, (q) => q.where('status', '=', toStoredStatus(status!)))
    .$if(sessionId !== undefined, (q) => q.where('session_id', '=', sessionId!))
    .$if(after !== undefined, (q) =>
      q
        .where('created_at', '<=', sqlTime(after!.createdAt))
        .where((eb) => eb.or([eb('created_at', '<', sqlTime(after!.createdAt)), eb('task_id', '<', after!.taskId)])),
    )
    .orderBy('created_at', 'desc')
    .orderBy('task_id', 'desc')
    .limit(query.limit)
    .execute();
  return rows.map(taskOf);
}

/** A session's newest tasks, of one author or of all, and the number of its last event, consistent because by one statement. */
export async function readTaskSnapshot(
  db: Executor<TaskTables>,
  tenant: string,
  sessionId: string,
  author: TaskAuthor = TaskAuthor.UNSPECIFIED,
): Promise<{ tasks: StoredTask[]; sourceSeq: number }> {
  const rows = await db
    .selectFrom('tasks')
    .innerJoin('session_fence', (join) =>
      join
        .onRef('session_fence.tenant', '=', 'tasks.tenant')
        .onRef('session_fence.session_id', '=', 'tasks.session_id'),
    )
    .selectAll('tasks')
    .select('session_fence.source_seq as fence_seq')
    .where('tasks.tenant', '=', tenant)
    .where('tasks.session_id', '=', sessionId)
    .$if(author !== TaskAuthor.UNSPECIFIED, (q) =>
      q.where('tasks.agent_id', author === TaskAuthor.AGENT ? '<>' : '=', ''),
    )
    .orderBy('tasks.created_at', 'desc')
    .orderBy('tasks.task_id', 'desc')
    .limit(MAX_SESSION_TASKS)
    .execute();
  // a session without tasks has no events
  return { tasks: rows.map(({ fence_seq: _, ...row }) => taskOf(row)), sourceSeq: rows[0]?.fence_seq ?? 0 };
}

export async function countByStatus(db: Executor<TaskTables>, tenant: string): Promise<Map<TaskStatusName, number>> {
  const rows = await db
    .selectFrom('tasks')
    .select((eb) => ['status', eb.fn.countAll().as('count')])
    .where('tenant', '=', tenant)
    .groupBy('status')
    .execute();
  return new Map(rows.map((row) => [fromStoredStatus(row.status), Number(row.count)]));
}

/** The pending tasks of a level. */
export interface Depth {
  readonly depth: number;
  readonly ready: number;
  /** Since when the oldest ready task is ready; undefined when none is. */
  readonly oldestReadyAt?: number;
}

export async function depthByLevel(
  db: Executor<TaskTables>,
  tenant: string,
  now: number,
): Promise<Map<QueueLevel, Depth>> {
  const rows = await db
    .selectFrom('tasks')
    .select((eb) => {
      const ready = eb.case().when('run_at', '<=', sqlTime(now));
      return [
        'level',
        eb.fn.countAll().as('depth'),
        eb.fn.count(ready.then(1).end()).as('ready'),
        eb.fn.min(ready.then(eb.ref('run_at')).end()).as('oldest'),
      ];
    })
    .where('tenant', '=', tenant)
    .where('status', '=', 'pending')
    .groupBy('level')
    .execute();
  return new Map(
    rows.map((row) => {
      const oldest = row.oldest as string | null;
      const depth = { depth: Number(row.depth), ready: Number(row.ready) };
      return [row.level, oldest ? { ...depth, oldestReadyAt: parseSqlTime(oldest) } : depth];
    }),
  );
}
