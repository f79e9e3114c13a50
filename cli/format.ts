/** A time of the API in this machine's zone, to the second; empty when there is none. */
export function when(time: string | null | undefined): string {
  if (!time) return '';
  return new Date(time).toLocaleString('sv-SE');
}

/** What stands below a list that goes on. */
export function more(token: string | undefined): string {
  return token ? `\n\nThere is more: --page-token ${token}` : '';
}
