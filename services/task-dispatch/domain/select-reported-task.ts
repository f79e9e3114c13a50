import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { isFinished, type StoredTask, type TaskStatusName } from './task.ts';

const out: readonly TaskStatusName[] = ['leased', 'fetched', 'unknown'];

/**
 * The task of a session that a report means which names none: the one whose lease it carries; the only one that is out; else the
 * only one that waits; else the one that was finished last. What waits and never had a lease is not meant when a sender has had
 * one that is finished: the report is a repeat of that one's. Undefined for a session without tasks. Throws AMBIGUOUS_TASK when
 * several are out, or none is out and several wait.
 */
export function selectReportedTask(tasks: readonly StoredTask[], token: string): StoredTask | undefined {
  const leased = token && tasks.find((task) => task.leaseToken === token || task.fetchedToken === token);
  if (leased) return leased;
  const finished = tasks
    .filter((task) => isFinished(task.status))
    .sort((a, b) => (b.finishedAt ?? 0) - (a.finishedAt ?? 0));
  const waiting = tasks.filter((task) => task.status === 'pending' || task.status === 'held');
  const repeated = waiting.every(neverLeased) ? finished.find((task) => !neverLeased(task)) : undefined;
  return only(tasks.filter((task) => out.includes(task.status))) ?? repeated ?? only(waiting) ?? finished[0];
}

function neverLeased({ leaseFence }: StoredTask): boolean {
  return leaseFence === 0;
}

function only(tasks: readonly StoredTask[]): StoredTask | undefined {
  if (tasks.length < 2) return tasks[0];
  throw appError(ErrorReason.AMBIGUOUS_TASK, 'the session has several tasks that could be meant; name one', {
    task_ids: tasks.map((task) => task.taskId).join(','),
  });
}
