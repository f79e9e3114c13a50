import type { TaskFields } from './apply-transition.ts';
import { type Fence, sendPermission } from './fence.ts';
import type { StoredTask } from './task.ts';
import { handedOver, leaseLost, taskDone } from './task-errors.ts';
import { requireTaskTransition, type TaskCommand } from './transitions.ts';

/** The command of a requeue and its actor; undefined when the task is pending or held already. */
export type RequeueDecision = { command: TaskCommand; actor: string; fields: TaskFields } | undefined;

/**
 * The holder of a lease releases it; an operator requeues an unknown, failed or dead task. Throws LEASE_LOST, TASK_DONE,
 * HANDED_OVER, INVALID_TASK_STATUS.
 */
export function decideRequeue(
  task: StoredTask,
  fence: Fence | undefined,
  token: string,
  runAt: number,
): RequeueDecision {
  if (token && token !== task.leaseToken && token !== task.fetchedToken) throw leaseLost(task);
  if (task.status === 'pending' || task.status === 'held') return undefined;
  if (task.status === 'completed' || task.status === 'cancelled') throw taskDone(task);
  if (task.status === 'leased') return decideRelease(task, token, runAt);
  requireTaskTransition(task, 'requeue');
  if (sendPermission(fence, task) === 'handed_over') throw handedOver(fence, task);
  return { command: 'requeue', actor: 'operator', fields: { runAt, lostLeases: 0, errorMessage: '' } };
}

function decideRelease(task: StoredTask, token: string, runAt: number): RequeueDecision {
  if (token !== task.leaseToken) throw leaseLost(task);
  return { command: 'release', actor: task.workerId || 'sender', fields: { runAt } };
}
