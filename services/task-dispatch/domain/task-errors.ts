import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import type { Fence, SendPermission } from './fence.ts';
import { HANDED_OVER, isAgentTask, isFinished, MAX_UNSENT, type StoredTask } from './task.ts';

export function taskNotFound(taskId: string) {
  return appError(ErrorReason.TASK_NOT_FOUND, `there is no task ${taskId}`, { task_id: taskId });
}

/** The session has no task for a report. */
export function noSuchSessionTask(sessionId: string) {
  return appError(ErrorReason.TASK_NOT_FOUND, `the session ${sessionId} has no such task`, { session_id: sessionId });
}

/** The client does not have the lease, or not any more. */
export function leaseLost(task: StoredTask) {
  return appError(ErrorReason.LEASE_LOST, `this lease of ${task.taskId} does not exist or has ended`, of(task));
}

/** The task is finished. */
export function taskDone(task: StoredTask) {
  return appError(ErrorReason.TASK_DONE, `the task ${task.taskId} is ${task.status}`, of(task));
}

/** The author of the task is not in control. */
export function handedOver(fence: Fence | undefined, task: StoredTask) {
  const author = isAgentTask(task) ? 'the agent' : 'the bot';
  return appError(ErrorReason.HANDED_OVER, `${author} is not in control of session ${task.sessionId}`, {
    session_id: task.sessionId,
    status: fence?.status,
  });
}

/** Too many messages of agents wait in the session. */
export function tooManyUnsent(sessionId: string) {
  const text = `${MAX_UNSENT} messages of agents in this session are not sent yet`;
  return appError(ErrorReason.RATE_LIMITED, text, { session_id: sessionId, retry_after: 10 });
}

export function sessionPaused(task: StoredTask) {
  return appError(ErrorReason.PAUSED, `the session ${task.sessionId} is paused`, { session_id: task.sessionId });
}

/** Throws HANDED_OVER or PAUSED unless the task may be sent. */
export function assertMaySend(permission: SendPermission, fence: Fence | undefined, task: StoredTask): void {
  if (permission === 'handed_over') throw handedOver(fence, task);
  if (permission === 'paused') throw sessionPaused(task);
}

/** Throws when the task is finished: HANDED_OVER if it was withdrawn because its author lost control, else TASK_DONE. */
export function assertOpen(fence: Fence | undefined, task: StoredTask): void {
  if (task.status === 'cancelled' && task.errorMessage === HANDED_OVER) throw handedOver(fence, task);
  if (isFinished(task.status)) throw taskDone(task);
}

/** A lease token is required. */
export function leaseTokenRequired() {
  return appError(ErrorReason.INVALID_ARGUMENT, 'lease_token is required', { field: 'lease_token', rule: 'required' });
}

function of(task: StoredTask) {
  return { task_id: task.taskId, task_status: task.status };
}
