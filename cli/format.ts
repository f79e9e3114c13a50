/** A time of the API in this machine's time zone, to the second; empty if there is none. */
export function formatTime(time: string | null | undefined): string {
  if (!time) return '';
  return new Date(time).toLocaleString('sv-SE');
}

/** The line below a list that has a next page. */
export function nextPageHint(token: string | undefined): string {
  return token ? `\n\nMore: --page-token ${token}` : '';
}

/** What a list calls a session: the name of a chat, else the id. Commands take both. */
export function sessionLabel(row: { readonly session_id: string; readonly session_name?: string | null }): string {
  return row.session_name || row.session_id;
}
