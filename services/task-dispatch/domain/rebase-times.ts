import type { StoredTask } from './task.ts';

type Times = Pick<StoredTask, 'runAt' | 'leaseExpiresAt' | 'unknownAt' | 'updatedAt'>;

/**
 * The times of a task whose last change is in the future, because the wall clock was set back since: the waits that remained at
 * that change start now. A time that a client set stays.
 */
export function rebaseTimes(task: Times & Pick<StoredTask, 'notBeforeAt'>, now: number): Times {
  const { runAt, notBeforeAt, leaseExpiresAt, unknownAt, updatedAt } = task;
  const fromNow = (time: number) => now + Math.max(0, time - updatedAt);
  return {
    runAt: runAt === notBeforeAt ? runAt : fromNow(runAt),
    leaseExpiresAt: leaseExpiresAt === undefined ? undefined : fromNow(leaseExpiresAt),
    unknownAt: unknownAt === undefined ? undefined : Math.min(unknownAt, now),
    updatedAt: now,
  };
}
