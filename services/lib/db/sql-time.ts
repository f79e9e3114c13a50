/** Milliseconds since the epoch as both dialects store them: `2026-01-31 23:59:59.123`, UTC; sorts by time. */
export function sqlTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 23).replace('T', ' ');
}

/** The same for a time that may be absent. */
export function sqlTimeOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : sqlTime(ms);
}

/** The milliseconds of a stored time. */
export function parseSqlTime(stored: string): number {
  return Date.parse(`${stored.replace(' ', 'T')}Z`);
}

/** The same for a column that may be NULL. */
export function parseSqlTimeOrUndefined(stored: string | null): number | undefined {
  return stored === null ? undefined : parseSqlTime(stored);
}
