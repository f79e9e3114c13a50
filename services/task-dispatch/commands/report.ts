import { currentTenant } from '../../lib/context.ts';
import type { Executor } from '../../lib/db/database.ts';
import { changeSessions } from '../change-sessions.ts';
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

/** The task that a report on a session means. Throws SESSION_NOT_FOUND, TASK_NOT_FOUND, AMBIGUOUS_TASK. */
export async function reportedTask(
  deps: TaskDeps,
  { sessionId, taskId, leaseToken }: { sessionId: string; taskId: string; leaseToken: string },
): Promise<StoredTask> {
  const tenant = currentTenant();
  const found = taskId
    ? await findTask(deps.db.of(), tenant, taskId)
    : candidateFor(await sessionTasks(deps.db.of(), tenant, sessionId), leaseToken);
  if (found?.sessionId === sessionId) return found;
  await deps.sessions.getSession({ sessionId });
  throw taskId ? taskNotFound(taskId) : noTask(sessionId);
}

/** Records a report on a task, and `record`s the outcome in the same transaction. Returns the task afterwards. */
export function recordReport(
  deps: TaskDeps,
  { taskId, sessionId }: Pick<StoredTask, 'taskId' | 'sessionId'>,
  report: Omit<Report, 'strict'>,
  record: (tx: Executor, task: StoredTask) => Promise<void>,
): Promise<StoredTask> {
  return changeSessions(deps, 'report', [sessionId], async (unit) => {
    const task = await unit.lockTask(taskId);
    if (!task) throw taskNotFound(taskId);
    const said = { ...report, strict: deps.config.strictLease };
    const ruling = decideReport(task, unit.fence(sessionId), said, unit.now);
    const after = ruling ? await unit.apply(task, ruling.command, ruling, ruling.fields) : task;
    await record(unit.tx, after);
    return after;
  });
}
