import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import type { Fence, SendPermission } from './fence.ts';
import { HANDED_OVER, isFinished, type StoredTask } from './task.ts';

/** No task has this id. */
export function taskNotFound(taskId: string) {
  return appError(ErrorReason.TASK_NOT_FOUND, `there is no task ${taskId}`, { task_id: taskId });
}

/** The session has no task that a report could mean. */
export function noSuchSessionTask(sessionId: string) {
  return appError(ErrorReason.TASK_NOT_FOUND, `the session ${sessionId} has no such task`, { session_id: sessionId });
}

/** The lease is not the caller's, or not any more. */
export function leaseLost(task: StoredTask) {
  return appError(ErrorReason.LEASE_LOST, `the lease of ${task.taskId} is not, or no longer, the caller's`, of(task));
}

/** Nothing can be done to the task any more. */
export function taskDone(task: StoredTask) {
  return appError(ErrorReason.TASK_DONE, `the task ${task.taskId} is ${task.status}`, of(task));
}

/** The bot has not the word. */
export function handedOver(fence: Fence | undefined, task: StoredTask) {
  return appError(ErrorReason.HANDED_OVER, `the bot has not the word in ${task.sessionId}`, {
    session_id: task.sessionId,
    status: fence?.status,
  });
}

/** The session is paused. */
export function sessionPaused(task: StoredTask) {
  return appError(ErrorReason.PAUSED, `the session ${task.sessionId} is paused`, { session_id: task.sessionId });
}

/** Throws HANDED_OVER or PAUSED unless the task may act. */
export function assertMaySend(permission: SendPermission, fence: Fence | undefined, task: StoredTask): void {
  if (permission === 'handed_over') throw handedOver(fence, task);
  if (permission === 'paused') throw sessionPaused(task);
}

/** Throws when the task is finished: HANDED_OVER if the bot lost the word over it, else TASK_DONE. */
export function assertOpen(fence: Fence | undefined, task: StoredTask): void {
  if (task.status === 'cancelled' && task.errorMessage === HANDED_OVER) throw handedOver(fence, task);
  if (isFinished(task.status)) throw taskDone(task);
}

/** A lease token is needed and was not given. */
export function leaseTokenRequired() {
  return appError(ErrorReason.INVALID_ARGUMENT, 'lease_token is required', { field: 'lease_token', rule: 'required' });
}

function of(task: StoredTask) {
  return { task_id: task.taskId, task_status: task.status };
}
