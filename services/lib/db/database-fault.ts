/**
 * Why the database does not accept writes: `away` (it does not answer), `full` (its disk is full), `read_only` (a replica, or a
 * server that was set to read-only), `refused` (its account is locked, has too many connections, or lacks a privilege),
 * `damaged` (its files), `failing` (anything else).
 */
export type DatabaseFault = 'away' | 'full' | 'read_only' | 'refused' | 'damaged' | 'failing';

/** The text of each fault in messages. */
export const faultMessages: Readonly<Record<DatabaseFault, string>> = {
  away: 'the database does not answer',
  full: 'the database has no room left on its disk',
  read_only: 'the database is read-only',
  refused: 'the database refuses its account',
  damaged: 'the files of the database are damaged',
  failing: 'the database fails',
};
