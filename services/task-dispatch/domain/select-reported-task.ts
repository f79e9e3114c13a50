import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { isAgentTask, isFinished, type StoredTask, type TaskStatusName } from './task.ts';

const out: readonly TaskStatusName[] = ['leased', 'fetched', 'unknown'];

/**
 * The task of a report that names none: the one with the lease of the report; else the only one that is leased or fetched; else
 * the only pending one; else the one that was finished last. A pending task that never had a lease is not selected when a
 * finished task had one: the report is then a repeat for that one. A waiting task of an agent is never selected: upstream does not
 * know it, and no sender has it. Undefined for a session without such tasks. Throws AMBIGUOUS_TASK when several are leased or
 * fetched, or none is and several are pending.
 */
export function selectReportedTask(tasks: readonly StoredTask[], token: string): StoredTask | undefined {
  const leased = token && tasks.find((task) => task.leaseToken === token || task.fetchedToken === token);
  if (leased) return leased;
  const finished = tasks
    .filter((task) => isFinished(task.status))
    .sort((a, b) => (b.finishedAt ?? 0) - (a.finishedAt ?? 0));
  const waiting = tasks.filter((task) => (task.status === 'pending' || task.status === 'held') && !isAgentTask(task));
  const repeated = waiting.every(neverLeased) ? finished.find((task) => !neverLeased(task)) : undefined;
  return only(tasks.filter((task) => out.includes(task.status))) ?? repeated ?? only(waiting) ?? finished[0];
}

function neverLeased({ leaseFence }: StoredTask): boolean {
  return leaseFence === 0;
}

function only(tasks: readonly StoredTask[]): StoredTask | undefined {
  if (tasks.length < 2) return tasks[0];
  throw appError(ErrorReason.AMBIGUOUS_TASK, 'the report could be about several tasks of the session; send task_id', {
    task_ids: tasks.map((task) => task.taskId).join(','),
  });
}
