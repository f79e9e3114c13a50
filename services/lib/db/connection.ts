import type { CompiledQuery, QueryResult } from 'kysely';

/** A connection to the database, lent to one flow at a time: for a statement, or for a transaction. */
export interface Connection {
  /**
   * Runs a statement; in a transaction if one has begun. `flow` tells those apart who share the connection: the statements of
   * each keep their order.
   */
  execute<R>(query: CompiledQuery, flow?: object): Promise<QueryResult<R>>;
  /**
   * A write of the open transaction whose result nobody asks for: it may travel with the next statement or with the commit,
   * and its failure may come as theirs.
   */
  enqueue(query: CompiledQuery, flow?: object): Promise<void>;
  /**
   * Whether the statements since `begin` (for a statement without a transaction: since the connection was lent) certainly
   * changed something, so that the redo log was on disk before the commit was answered. A commit that changed nothing does not
   * wait for the disk.
   */
  readonly wrote: boolean;
  begin(): Promise<void>;
  commit(): Promise<void>;
  /** Never throws: a connection that cannot roll back is given up, and its transaction with it. */
  rollback(): Promise<void>;
  /** Gives it back; it must be in no transaction. */
  release(): void;
}
