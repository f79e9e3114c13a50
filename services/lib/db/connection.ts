import type { CompiledQuery, QueryResult } from 'kysely';

/** A connection to the database, used by one caller at a time: for a statement, or for a transaction. */
export interface Connection {
  /**
   * Runs a statement; in a transaction if one has begun. `flow` identifies the participant of a shared transaction: the statements
   * of each keep their order.
   */
  execute<R>(query: CompiledQuery, flow?: object): Promise<QueryResult<R>>;
  /**
   * A write of the open transaction whose result is not awaited: it may be sent with the next statement or with the commit, and
   * its error may become theirs.
   */
  enqueue(query: CompiledQuery, flow?: object): Promise<void>;
  /**
   * Whether the statements since `begin` (for a statement without a transaction: since the connection was acquired) certainly
   * changed something, so that the redo log was on disk before the commit was answered. A commit that changed nothing does not
   * wait for the disk.
   */
  readonly wrote: boolean;
  begin(): Promise<void>;
  commit(): Promise<void>;
  /** Never throws: a connection that cannot roll back is closed, which ends its transaction. */
  rollback(): Promise<void>;
  /** Returns it to the pool; it must be in no transaction. */
  release(): void;
}
