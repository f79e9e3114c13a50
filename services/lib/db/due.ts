import { type Expression, type SqlBool, sql } from 'kysely';
import { sqlTime } from './time.ts';

/** Clocks of hosts differ: what another process has just stored is not from the future. */
export const HOSTS_DIFFER_MS = 1_000;

/**
 * Whether a stored time that the system chose itself has come. One that lies further ahead than `longestMs`, the longest that
 * the system ever chooses, counts as come: the wall clock was set back since it was stored, and nothing waits for it to catch
 * up. Never for times that callers choose.
 */
export function isDue(column: string, now: number, longestMs: number): Expression<SqlBool> {
  const time = sql.ref(column);
  return sql<SqlBool>`(${time} <= ${sqlTime(now)} or ${time} > ${sqlTime(now + longestMs)})`;
}

/** The same for a time in milliseconds. */
export function hasCome(time: number, now: number, longestMs: number): boolean {
  return time <= now || time > now + longestMs;
}

/** The same for a wait of any length, of which the column `since` says when it began: in the future, the clock was set back. */
export function isDueSince(column: string, since: string, now: number): Expression<SqlBool> {
  const isFuture = sql`${sql.ref(since)} > ${sqlTime(now + HOSTS_DIFFER_MS)}`;
  return sql<SqlBool>`(${sql.ref(column)} <= ${sqlTime(now)} or ${isFuture})`;
}
