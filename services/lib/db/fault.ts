/**
 * Why the database does not take writes: `away` (it does not answer), `full` (no room on its disk), `read_only` (a replica, or
 * a server that was set so), `refused` (its account is locked, has too many connections, or may not do this), `damaged` (its
 * files), `failing` (anything else).
 */
export type DatabaseFault = 'away' | 'full' | 'read_only' | 'refused' | 'damaged' | 'failing';

/** What each of them says to people. */
export const faultTexts: Readonly<Record<DatabaseFault, string>> = {
  away: 'the database does not answer',
  full: 'the database has no room left on its disk',
  read_only: 'the database is read-only',
  refused: 'the database refuses its account',
  damaged: 'the files of the database are damaged',
  failing: 'the database fails',
};
