import type { StoredTask } from './task.ts';

type Times = Pick<StoredTask, 'runAt' | 'leaseExpiresAt' | 'unknownAt' | 'updatedAt'>;

/**
 * The times of a task that was last changed in the future, because the wall clock was set back since: its remaining waits last
 * as long as they did at that change, counted from now. A time that a caller set stays.
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
