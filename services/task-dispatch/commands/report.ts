import { currentTenant } from '../../lib/context.ts';
import type { Executor } from '../../lib/db/database.ts';
import { changeTask } from '../change-sessions.ts';
import type { TaskDeps } from '../deps.ts';
import { candidateFor } from '../domain/candidate.ts';
import { noTask, taskNotFound } from '../domain/refusals.ts';
import { decideReport, type Report } from '../domain/report.ts';
import type { StoredTask } from '../domain/task.ts';
import { findTask, sessionTasks } from '../store/tasks.ts';

/** The named task. Throws TASK_NOT_FOUND. */
export async function mustFindTask(deps: TaskDeps, taskId: string): Promise<StoredTask> {
  const task = await findTask(deps.db.of(), currentTenant(), taskId);
  if (!task) throw taskNotFound(taskId);
  return task;
}

/** A task by its ids, as far as they are known before it is locked. */
export type TaskOfSession = Pick<StoredTask, 'taskId' | 'sessionId'>;

/** The task that a report on a session means. Throws SESSION_NOT_FOUND, TASK_NOT_FOUND, AMBIGUOUS_TASK. */
export async function reportedTask(
  deps: TaskDeps,
  { sessionId, taskId, leaseToken }: { sessionId: string; taskId: string; leaseToken: string },
): Promise<TaskOfSession> {
  if (taskId) return { sessionId, taskId };
  const found = candidateFor(await sessionTasks(deps.db.of(), currentTenant(), sessionId), leaseToken);
  if (found) return found;
  await deps.sessions.getSession({ sessionId });
  throw noTask(sessionId);
}

/**
 * Records a report on a task, and `record`s the outcome in the same transaction. Returns the task afterwards. Throws
 * SESSION_NOT_FOUND and TASK_NOT_FOUND when the session has no such task.
 */
export async function recordReport(
  deps: TaskDeps,
  { taskId, sessionId }: TaskOfSession,
  report: Omit<Report, 'strict'>,
  record: (tx: Executor, task: StoredTask) => Promise<void>,
): Promise<StoredTask> {
  const reported = await changeTask(deps, 'report', taskId, async (unit, task) => {
    if (task?.sessionId !== sessionId) return undefined;
    const said = { ...report, strict: deps.config.strictLease };
    const ruling = decideReport(task, unit.fence(sessionId), said, unit.now);
    const after = ruling ? await unit.apply(task, ruling.command, ruling, ruling.fields) : task;
    await record(unit.tx, after);
    return after;
  });
  if (reported) return reported;
  await deps.sessions.getSession({ sessionId });
  throw taskNotFound(taskId);
}
