import type { TaskDeps } from '../deps.ts';
import { decideFetch } from '../domain/decide-fetch.ts';
import type { StoredTask } from '../domain/task.ts';
import { taskNotFound } from '../domain/task-errors.ts';
import { insertReceipt, receiptOf } from '../store/receipts.ts';
import { TaskUnitOfWork } from '../unit-of-work/task-unit-of-work.ts';

export interface FetchRequest {
  readonly taskId: string;
  readonly leaseToken: string;
}

/**
 * Checks lease and fence and records the fetch in a transaction that every raise of the fence waits for. A task without a send
 * URL stays leased while `sendUrl` is undefined and a lookup is configured: the URL must be looked up first. Throws
 * TASK_NOT_FOUND and the errors of decideFetch().
 */
export function fetchTask(deps: TaskDeps, { taskId, leaseToken }: FetchRequest, sendUrl?: string): Promise<StoredTask> {
  return TaskUnitOfWork.run(deps, 'fetch', { taskId }, async (unit, task) => {
    if (!task) throw taskNotFound(taskId);
    const request = { token: leaseToken, strict: deps.config.strictLease, now: unit.now };
    const decision = decideFetch(task, unit.fence(task.sessionId), request);
    const needsSendUrl = task.sendUrl === '' && sendUrl === undefined && deps.sendUrls !== undefined;
    if (decision === 'again' || needsSendUrl) return task;
    return recordFetch(unit, task, task.sendUrl || (sendUrl ?? ''));
  });
}

async function recordFetch(unit: TaskUnitOfWork, task: StoredTask, sendUrl: string): Promise<StoredTask> {
  const cause = { actor: task.workerId || 'sender', reason: 'fetched' };
  const fetched = await unit.apply(task, 'fetch', cause, {
    attempt: task.attempt + 1,
    fetchedFence: task.leaseFence,
    fetchedToken: task.leaseToken,
    fetchedAt: unit.now,
    lostLeases: 0,
    ...(sendUrl === task.sendUrl ? {} : { sendUrl }),
  });
  await insertReceipt(unit.tx, receiptOf(fetched));
  return fetched;
}

/** A lease under which the content was requested does not count as lost: its sender is alive, even if the lookup failed. */
export async function resetLostLeases(deps: TaskDeps, { taskId, leaseFence, lostLeases }: StoredTask): Promise<void> {
  if (lostLeases === 0) return;
  await TaskUnitOfWork.run(deps, 'asked', { taskId }, async (unit, task) => {
    if (task?.status === 'leased' && task.leaseFence === leaseFence) await unit.amend(task, { lostLeases: 0 });
  });
}
