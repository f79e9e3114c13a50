import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { CompiledQuery, QueryResult } from 'kysely';
import { LRUCache } from 'lru-cache';
import type { Connection } from '../connection.ts';
import type { SqlStats } from '../sql-stats.ts';

const MAX_CACHED_STATEMENTS = 500;

/** One connection behind one queue: SQLite has one writer, and two flows must not share a transaction. */
export class SqliteConnectionQueue {
  readonly #database: DatabaseSync;
  readonly #stats: SqlStats;
  readonly #statements = new LRUCache<string, { statement: StatementSync; reads: boolean }>({
    max: MAX_CACHED_STATEMENTS,
  });
  #released: Promise<void> = Promise.resolve();

  constructor(database: DatabaseSync, stats: SqlStats) {
    this.#database = database;
    this.#stats = stats;
  }

  /** Acquires the connection, in the order of the calls. */
  async acquire(): Promise<Connection> {
    const before = this.#released;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#released = promise;
    await before;
    return new SqliteConnection(this.#database, (query) => this.#execute(query), resolve);
  }

  async close(): Promise<void> {
    await this.#released;
    this.#statements.clear();
    this.#database.close();
  }

  #execute<R>(query: CompiledQuery): QueryResult<R> {
    this.#stats.statements += 1;
    const { statement, reads } = this.#prepare(query.sql);
    const parameters = query.parameters.map(toBindable);
    if (reads) return { rows: statement.all(...parameters) as R[] };
    const { changes, lastInsertRowid } = statement.run(...parameters);
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
  }

  #prepare(sql: string): { statement: StatementSync; reads: boolean } {
    const cached = this.#statements.get(sql);
    if (cached) return cached;
    const statement = this.#database.prepare(sql);
    const prepared = { statement, reads: statement.columns().length > 0 };
    this.#statements.set(sql, prepared);
    return prepared;
  }
}

/** The connection while it is in use. */
class SqliteConnection implements Connection {
  readonly #database: DatabaseSync;
  readonly #run: <R>(query: CompiledQuery) => QueryResult<R>;
  readonly release: () => void;
  readonly wrote = true; // never read: see SqlBackend.visibleIsDurable
  #begun = false;

  constructor(database: DatabaseSync, run: <R>(query: CompiledQuery) => QueryResult<R>, release: () => void) {
    this.#database = database;
    this.#run = run;
    this.release = release;
  }

  /** A full disk ends the transaction by itself: later statements would be committed alone. */
  async execute<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#begun && !this.#database.isTransaction) throw new Error('the transaction has ended by itself');
    return this.#run<R>(query);
  }

  async enqueue(query: CompiledQuery): Promise<void> {
    await this.execute(query);
  }

  async begin(): Promise<void> {
    this.#database.exec('BEGIN IMMEDIATE');
    this.#begun = true;
  }

  async commit(): Promise<void> {
    this.#database.exec('COMMIT');
    this.#begun = false;
  }

  async rollback(): Promise<void> {
    if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
    this.#begun = false;
  }
}

function toBindable(value: unknown): SQLInputValue {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value === undefined) return null;
  return value as SQLInputValue;
}
