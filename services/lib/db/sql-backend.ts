import type { Kysely } from 'kysely';
import type { Connection } from './connection.ts';
import type { DatabaseFault } from './database-fault.ts';
import type { SqlStats } from './sql-stats.ts';

export type Dialect = 'mysql' | 'sqlite';

/** Kysely over the tables of a service, inside or outside a transaction. */
// biome-ignore lint/suspicious/noExplicitAny: every store names its own tables
export type Executor<T = any> = Kysely<T>;

/** A lock with a name that all processes of the installation share; it ends with its holder's connection or process. */
export interface NamedLock extends AsyncDisposable {
  /** Whether it is still held; false after the connection that carried it was lost. */
  isHeld(): Promise<boolean>;
}

/** The database of one dialect. */
export interface SqlBackend {
  readonly dialect: Dialect;
  /** Counts of its statements and commits so far. */
  readonly stats: SqlStats;
  /**
   * Whether another connection sees a commit only once it is on disk. SQLite syncs its log before readers can see a commit; InnoDB
   * shows it before.
   */
  readonly visibleIsDurable: boolean;
  /**
   * Since when all reads have come from the server as it runs now, by performance.now(): a commit proves nothing of what the
   * server showed before it was restarted.
   */
  readonly servedSince: number;
  /** Takes a connection from the pool; waits while all are in use. */
  acquireConnection(): Promise<Connection>;
  /** Takes the lock, or returns undefined when another holder has it. Does not wait. */
  tryLock(name: string): Promise<NamedLock | undefined>;
  /** Whether the statement failed on a unique index. */
  isDuplicateKey(error: unknown): boolean;
  /** Whether the whole transaction may be tried again: a deadlock, a lock wait or a snapshot that moved. */
  isRetryable(error: unknown): boolean;
  /** Whether the connection to the server is lost: the outcome of a commit under way is unknown. */
  isConnectionLost(error: unknown): boolean;
  /** The fault of the database that caused the error; undefined for an error of the statement itself. */
  faultOf(error: unknown): DatabaseFault | undefined;
  close(): Promise<void>;
}
