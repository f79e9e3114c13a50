/** A time of the API in this machine's zone, to the second; empty when there is none. */
export function formatTime(time: string | null | undefined): string {
  if (!time) return '';
  return new Date(time).toLocaleString('sv-SE');
}

/** What stands below a list that goes on. */
export function nextPageHint(token: string | undefined): string {
  return token ? `\n\nThere is more: --page-token ${token}` : '';
}
