import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import { TaskStatus } from '../../../gen/autosession/task/v1/task_pb.js';
import { appError, ErrorReason, hasErrorReason } from '../../lib/errors/app-error.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { TaskDeps } from '../deps.ts';
import { HANDED_OVER, SESSION_CLOSED } from '../domain/task.ts';
import { findFence } from '../store/fences.ts';

/** What the session service has to know of a task. */
export interface TaskResult {
  readonly sessionId: string;
  readonly taskId: string;
  readonly taskStatus: TaskStatus;
  readonly errorMessage: string;
}

/**
 * Tells the session service what became of a task, and returns the session as it is then. Of a task that is still open, or
 * was withdrawn with the session itself, there is nothing to tell. Throws SESSION_NOT_FOUND, SERVICE_UNAVAILABLE.
 */
export async function notifySession(deps: TaskDeps, result: TaskResult): Promise<Session | undefined> {
  try {
    const { session } = isOutcome(result)
      ? await deps.sessions.recordTaskOutcome(await requestOf(deps, result))
      : await deps.sessions.getSession({ sessionId: result.sessionId });
    return session;
  } catch (error) {
    if (hasErrorReason(error, ErrorReason.SESSION_NOT_FOUND)) throw error;
    throw appError(
      ErrorReason.SERVICE_UNAVAILABLE,
      'the session service does not answer; a repeat is harmless',
      {},
      error,
    );
  }
}

function isOutcome({ taskStatus, errorMessage }: TaskResult): boolean {
  if (taskStatus === TaskStatus.COMPLETED || taskStatus === TaskStatus.FAILED || taskStatus === TaskStatus.DEAD)
    return true;
  return taskStatus === TaskStatus.CANCELLED && errorMessage !== HANDED_OVER && errorMessage !== SESSION_CLOSED;
}

async function requestOf(deps: TaskDeps, { sessionId, taskId, taskStatus, errorMessage }: TaskResult) {
  if (taskStatus === TaskStatus.COMPLETED) return { sessionId, taskId, success: true };
  const fence = await findFence(deps.db.autocommit(), currentTenant(), sessionId);
  // the task itself is finished and not counted
  return { sessionId, taskId, success: false, othersOpen: (fence?.openTasks ?? 0) > 0, reason: errorMessage };
}
