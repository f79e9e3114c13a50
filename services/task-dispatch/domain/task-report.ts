import type { Fence } from './fence.ts';
import { decideAfterFailure, type TaskStep } from './retry.ts';
import { isFinished, type StoredTask } from './task.ts';
import { leaseLost, leaseTokenRequired, taskDone } from './task-errors.ts';

/** Somebody's word on whether a task was sent. */
export interface TaskReport {
  readonly success: boolean;
  /** Empty without one. */
  readonly token: string;
  readonly errorMessage: string;
  /** Whether tokens are needed. */
  readonly strict: boolean;
  /** Whether a word without a token on an unknown task is an operator's decision. */
  readonly byTask: boolean;
}

/** What a report does, and in whose name; undefined for a repeat, which changes nothing. */
export type ReportDecision = (TaskStep & { readonly actor: string }) | undefined;

/** Judges a report. Throws LEASE_LOST, TASK_DONE; INVALID_ARGUMENT without a token where one is needed. */
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
 * Word that it was sent is evidence: it counts late too, for the newest lease and for the newest one that has fetched. Only
 * a task that failed by the same sender's word, or for good, is not argued about without a lease.
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
  // failedFence stays: the sender has not spoken yet, and its late word that it was sent would still count
  const reason = report.errorMessage || 'not_sent';
  return { command: 'fail_final', fields: { errorMessage: reason }, reason, actor };
}

/**
 * No sender can have sent a task that never had a lease: a report on its session withdraws it permanently, whatever attempts it
 * has left. A waiting task that had a lease before cannot be reported.
 */
function withdrawal(task: StoredTask, report: TaskReport): ReportDecision {
  if (report.byTask || task.leaseFence > 0) throw leaseLost(task);
  const reason = report.errorMessage || 'withdrawn';
  return { command: 'withdraw', fields: { errorMessage: reason }, reason, actor: actorOf(task, report) };
}

function waits({ status }: StoredTask): boolean {
  return status === 'pending' || status === 'held';
}

/** Whether this lease's failure is counted already, or the task was taken from it since. */
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
