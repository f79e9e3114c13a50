import type { Executor } from '../../lib/db/sql-backend.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { TaskDeps } from '../deps.ts';
import { selectReportedTask } from '../domain/select-reported-task.ts';
import type { StoredTask } from '../domain/task.ts';
import { noSuchSessionTask, taskNotFound } from '../domain/task-errors.ts';
import { decideTaskReport, type TaskReport } from '../domain/task-report.ts';
import { findTask, sessionTasks } from '../store/tasks.ts';
import { TaskUnitOfWork } from '../unit-of-work/task-unit-of-work.ts';

/** Throws TASK_NOT_FOUND. */
export async function requireTask(deps: TaskDeps, taskId: string): Promise<StoredTask> {
  const task = await findTask(deps.db.autocommit(), currentTenant(), taskId);
  if (!task) throw taskNotFound(taskId);
  return task;
}

/** The ids of a task. */
export type TaskOfSession = Pick<StoredTask, 'taskId' | 'sessionId'>;

/** The task of a report on a session. Throws SESSION_NOT_FOUND, TASK_NOT_FOUND, AMBIGUOUS_TASK. */
export async function findReportedTask(
  deps: TaskDeps,
  { sessionId, taskId, leaseToken }: { sessionId: string; taskId: string; leaseToken: string },
): Promise<TaskOfSession> {
  if (taskId) return { sessionId, taskId };
  const found = selectReportedTask(await sessionTasks(deps.db.autocommit(), currentTenant(), sessionId), leaseToken);
  if (found) return found;
  await deps.sessions.getSession({ sessionId });
  throw noSuchSessionTask(sessionId);
}

/**
 * Records a report on a task, and runs `saveResponse` in the same transaction. Returns the task afterwards. Throws
 * SESSION_NOT_FOUND and TASK_NOT_FOUND when the session has no such task.
 */
export async function recordTaskReport(
  deps: TaskDeps,
  { taskId, sessionId }: TaskOfSession,
  report: Omit<TaskReport, 'strict'>,
  saveResponse: (tx: Executor, task: StoredTask) => Promise<void>,
): Promise<StoredTask> {
  const reported = await TaskUnitOfWork.run(deps, 'report', { taskId }, async (unit, task) => {
    if (task?.sessionId !== sessionId) return undefined;
    const fullReport = { ...report, strict: deps.config.strictLease };
    const decision = decideTaskReport(task, unit.fence(sessionId), fullReport, unit.now);
    const after = decision ? await unit.apply(task, decision.command, decision, decision.fields) : task;
    await saveResponse(unit.tx, after);
    return after;
  });
  if (reported) return reported;
  await deps.sessions.getSession({ sessionId });
  throw taskNotFound(taskId);
}
