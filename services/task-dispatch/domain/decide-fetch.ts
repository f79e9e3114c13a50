import { type Fence, sendPermission } from './fence.ts';
import type { StoredTask } from './task.ts';
import { assertMaySend, assertOpen, leaseLost, leaseTokenRequired, sessionPaused } from './task-errors.ts';

/**
 * Whether a request for the content is the first under its lease (`fetch`) or a repeat that changes nothing (`again`). Throws
 * HANDED_OVER, PAUSED, LEASE_LOST, TASK_DONE; INVALID_ARGUMENT without a token where one is required.
 */
export function decideFetch(
  task: StoredTask,
  fence: Fence | undefined,
  { token, strict, now }: { token: string; strict: boolean; now: number },
): 'fetch' | 'again' {
  assertOpen(fence, task);
  assertMaySend(sendPermission(fence, task), fence, task);
  if (task.status === 'held') throw sessionPaused(task);
  if (strict && !token) throw leaseTokenRequired();
  if (!hasLease(task, token, now)) throw leaseLost(task);
  return task.status === 'leased' ? 'fetch' : 'again';
}

/** Whether the task has an unexpired lease, with this token if one is given. */
export function hasLease(task: StoredTask, token: string, now: number): boolean {
  const out = task.status === 'leased' || task.status === 'fetched';
  return out && (!token || token === task.leaseToken) && (task.leaseExpiresAt ?? 0) > now;
}
