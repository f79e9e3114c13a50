import type { Fence } from './fence.ts';
import { decideAfterFailure, type TaskStep } from './retry.ts';
import { isFinished, type StoredTask } from './task.ts';
import { leaseLost, leaseTokenRequired, taskDone } from './task-errors.ts';

/** A report on whether a task was sent. */
export interface TaskReport {
  readonly success: boolean;
  /** The lease token; may be empty. */
  readonly token: string;
  readonly errorMessage: string;
  /** Whether a token is required. */
  readonly strict: boolean;
  /** Whether a report without a token on an unknown task is a decision of an operator. */
  readonly byTask: boolean;
}

/** The command of a report and its actor; undefined for a repeat, which changes nothing. */
export type ReportDecision = (TaskStep & { readonly actor: string }) | undefined;

/** Throws LEASE_LOST, TASK_DONE; INVALID_ARGUMENT without a token where one is required. */
export function decideTaskReport(
  task: StoredTask,
  fence: Fence | undefined,
  report: TaskReport,
  now: number,
): ReportDecision {
  const { token, strict } = report;
  if (strict && !token && (task.status === 'leased' || task.status === 'fetched')) throw leaseTokenRequired();
  if (token && token !== task.leaseToken && token !== task.fetchedToken) throw leaseLost(task);
  return report.success ? decideSuccess(task, report) : decideFailure(task, fence, report, now);
}

/**
 * A report of success is evidence and counts late too, for the newest lease and for the newest one that fetched. Only a task
 * that failed by a report of the same sender, or finally, needs a lease for it.
 */
function decideSuccess(task: StoredTask, report: TaskReport): ReportDecision {
  if (task.status === 'completed') return undefined;
  const failed = task.status === 'failed' || task.status === 'dead';
  if (failed && (!report.token || leaseOf(task, report.token) === task.failedFence)) throw taskDone(task);
  const fields = { errorMessage: '' };
  return { command: 'complete', fields, reason: 'reported_sent', actor: actorOf(task, report) };
}

function decideFailure(task: StoredTask, fence: Fence | undefined, report: TaskReport, now: number): ReportDecision {
  if (task.status === 'completed') throw taskDone(task);
  if (isFinished(task.status) || isRepeat(task, report.token)) return undefined;
  if (waits(task)) return withdrawal(task, report);
  const actor = actorOf(task, report);
  if (actor !== 'operator') return { ...decideAfterFailure(task, fence, report.errorMessage, now), actor };
  // failedFence stays: the sender has not reported yet, and its late report of success would still count
  const reason = report.errorMessage || 'not_sent';
  return { command: 'fail_final', fields: { errorMessage: reason }, reason, actor };
}

/**
 * A task that never had a lease cannot have been sent: a report on its session withdraws it finally, whatever attempts remain.
 * A pending task that had a lease before cannot be reported.
 */
function withdrawal(task: StoredTask, report: TaskReport): ReportDecision {
  if (report.byTask || task.leaseFence > 0) throw leaseLost(task);
  const reason = report.errorMessage || 'withdrawn';
  return { command: 'withdraw', fields: { errorMessage: reason }, reason, actor: actorOf(task, report) };
}

function waits({ status }: StoredTask): boolean {
  return status === 'pending' || status === 'held';
}

/** Whether the failure of this lease is counted already, or the lease has ended since. */
function isRepeat(task: StoredTask, token: string): boolean {
  if (!token) return waits(task) && task.failedFence > 0;
  const lease = leaseOf(task, token);
  return (
    lease === task.failedFence ||
    (lease === task.fetchedFence && task.status !== 'fetched' && task.status !== 'unknown')
  );
}

function leaseOf(task: StoredTask, token: string): number {
  return token === task.leaseToken ? task.leaseFence : task.fetchedFence;
}

function actorOf(task: StoredTask, report: TaskReport): string {
  if (report.byTask && task.status === 'unknown' && !report.token) return 'operator';
  return task.workerId || 'sender';
}
