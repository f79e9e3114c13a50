import { exponentialBackoff } from '../../lib/runtime/backoff.ts';
import type { TaskFields } from './apply-transition.ts';
import { type Fence, sendPermission, withdrawalReason } from './fence.ts';
import { isAgentTask, type StoredTask } from './task.ts';
import type { TaskCommand } from './transitions.ts';

const MIN_BACKOFF_MS = 5_000;
const MAX_BACKOFF_MS = 300_000;

/** A command with what it sets and why. */
export interface TaskStep {
  readonly command: TaskCommand;
  readonly fields: TaskFields;
  readonly reason: string;
}

/** How long a task waits after its n-th failed attempt, in milliseconds. */
export function attemptDelayMs(attempts: number): number {
  return exponentialBackoff(Math.max(1, attempts), MIN_BACKOFF_MS, MAX_BACKOFF_MS);
}

export function attemptsRemain(task: Pick<StoredTask, 'attempt' | 'unsentProofs' | 'maxAttempts'>): boolean {
  return task.attempt - task.unsentProofs < task.maxAttempts;
}

/** The command for a task that was not sent: retry, withdrawal when its author is not in control, or failure. */
export function decideAfterFailure(
  task: StoredTask,
  fence: Fence | undefined,
  errorMessage: string,
  now: number,
): TaskStep {
  const unfetched = task.status === 'leased';
  const attempt = task.attempt + (unfetched ? 1 : 0);
  const failedFence = unfetched ? task.leaseFence : task.fetchedFence;
  const reason = errorMessage || 'not_sent';
  const fields = { attempt, failedFence, errorMessage: reason };
  if (!attemptsRemain({ ...task, attempt })) return { command: 'fail_final', fields, reason };
  if (sendPermission(fence, task) === 'handed_over') return withdrawStep(fence, fields);
  const runAt = now + attemptDelayMs(attempt - task.unsentProofs);
  return { command: 'retry', fields: { ...fields, runAt }, reason };
}

/**
 * The command for an unknown task that is proved unsent. The attempt does not count. An agent's task has failed: the conversation may have
 * moved on, and later words of the agent may have been sent.
 */
export function decideAfterUnsentProof(task: StoredTask, fence: Fence | undefined, now: number): TaskStep {
  const fields = { unsentProofs: task.unsentProofs + 1 };
  const reason = 'proved_unsent';
  if (isAgentTask(task)) return { command: 'fail_final', fields: { ...fields, errorMessage: reason }, reason };
  if (sendPermission(fence, task) === 'handed_over') return withdrawStep(fence, fields);
  return { command: 'prove_unsent', fields: { ...fields, runAt: now }, reason };
}

function withdrawStep(fence: Fence | undefined, fields: TaskFields): TaskStep {
  const reason = withdrawalReason(fence);
  return { command: 'hand_over', fields: { ...fields, errorMessage: reason }, reason };
}
