import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import { TaskStatus } from '../../../gen/autosession/task/v1/task_pb.js';
import { appError, ErrorReason, hasErrorReason } from '../../lib/errors/app-error.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { TaskDeps } from '../deps.ts';
import { HANDED_OVER, SESSION_CLOSED } from '../domain/task.ts';
import { findFence } from '../store/fences.ts';

/** The outcome of a task for the session service. */
export interface TaskResult {
  readonly sessionId: string;
  readonly taskId: string;
  readonly taskStatus: TaskStatus;
  readonly errorMessage: string;
}

/**
 * Reports the outcome of a task to the session service, and returns the current session. A task that is open, or was withdrawn
 * with the session, has no outcome to report. Throws SESSION_NOT_FOUND, SERVICE_UNAVAILABLE.
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
      'the session service does not answer; repeat the request',
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
  // the task itself is finished and not in the count
  return { sessionId, taskId, success: false, othersOpen: (fence?.openTasks ?? 0) > 0, reason: errorMessage };
}
