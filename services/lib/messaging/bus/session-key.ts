/** The key within which events keep their order. Ids and tenants contain no space. */
export function sessionKey(row: { tenant: string; sessionId: string }): string {
  return `${row.tenant} ${row.sessionId}`;
}

/** The key within which events are numbered. */
export function sourceKey(row: { tenant: string; sessionId: string; source: string }): string {
  return `${row.tenant} ${row.sessionId} ${row.source}`;
}
