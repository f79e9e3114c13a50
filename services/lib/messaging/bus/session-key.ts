/** What order is kept for, as one word: ids and tenants contain no space. */
export function sessionKey(row: { tenant: string; sessionId: string }): string {
  return `${row.tenant} ${row.sessionId}`;
}

/** What events are numbered by, as one word. */
export function sourceKey(row: { tenant: string; sessionId: string; source: string }): string {
  return `${row.tenant} ${row.sessionId} ${row.source}`;
}
