import { type Expression, type SqlBool, sql } from 'kysely';
import { sqlTime } from './sql-time.ts';

/** Clocks of hosts differ: a time that another process has just stored does not count as future. */
export const MAX_CLOCK_SKEW_MS = 1_000;

/**
 * Whether a stored time that the system chose itself has come. One that lies further ahead than `longestMs`, the longest delay
 * that the system chooses, also counts: the wall clock was set back after it was stored, and nothing should wait until the
 * clock catches up. Not for times that callers choose.
 */
export function isDue(column: string, now: number, maxDelayMs: number): Expression<SqlBool> {
  const time = sql.ref(column);
  return sql<SqlBool>`(${time} <= ${sqlTime(now)} or ${time} > ${sqlTime(now + maxDelayMs)})`;
}

/** The same for a time in milliseconds. */
export function isTimeDue(time: number, now: number, maxDelayMs: number): boolean {
  return time <= now || time > now + maxDelayMs;
}

/**
 * The same for a delay of any length that began at the time in column `since`: if that is in the future, the clock was set
 * back.
 */
export function isDueSince(column: string, since: string, now: number): Expression<SqlBool> {
  const isFuture = sql`${sql.ref(since)} > ${sqlTime(now + MAX_CLOCK_SKEW_MS)}`;
  return sql<SqlBool>`(${sql.ref(column)} <= ${sqlTime(now)} or ${isFuture})`;
}
