import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { CompiledQuery, QueryResult } from 'kysely';
import type { Connection } from './connection.ts';
import type { SqlCounts } from './counts.ts';

const CACHED_STATEMENTS = 500;

/** One connection behind one queue: SQLite has one writer, and two flows must not share a transaction. */
export class SqliteConnections {
  readonly #database: DatabaseSync;
  readonly #counts: SqlCounts;
  readonly #statements = new Map<string, { statement: StatementSync; reads: boolean }>();
  #busy: Promise<void> = Promise.resolve();

  constructor(database: DatabaseSync, counts: SqlCounts) {
    this.#database = database;
    this.#counts = counts;
  }

  /** Lends the connection when all who asked before have given it back. */
  async lend(): Promise<Connection> {
    const before = this.#busy;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#busy = promise;
    await before;
    return new SqliteConnection(this.#database, (query) => this.#execute(query), resolve);
  }

  async close(): Promise<void> {
    await this.#busy;
    this.#statements.clear();
    this.#database.close();
  }

  #execute<R>(query: CompiledQuery): QueryResult<R> {
    this.#counts.statements += 1;
    const { statement, reads } = this.#prepare(query.sql);
    const parameters = query.parameters.map(bindable);
    if (reads) return { rows: statement.all(...parameters) as R[] };
    const { changes, lastInsertRowid } = statement.run(...parameters);
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
  }

  #prepare(sql: string): { statement: StatementSync; reads: boolean } {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#database.prepare(sql);
    const prepared = { statement, reads: statement.columns().length > 0 };
    if (this.#statements.size >= CACHED_STATEMENTS) this.#statements.clear();
    this.#statements.set(sql, prepared);
    return prepared;
  }
}

/** The connection while it is lent. */
class SqliteConnection implements Connection {
  readonly #database: DatabaseSync;
  readonly #run: <R>(query: CompiledQuery) => QueryResult<R>;
  readonly release: () => void;
  readonly wrote = true; // never read: see Backend.visibleIsDurable
  #begun = false;

  constructor(database: DatabaseSync, run: <R>(query: CompiledQuery) => QueryResult<R>, release: () => void) {
    this.#database = database;
    this.#run = run;
    this.release = release;
  }

  /** A full disk ends the transaction by itself: what came behind would be committed alone. */
  async execute<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#begun && !this.#database.isTransaction) throw new Error('the transaction has ended by itself');
    return this.#run<R>(query);
  }

  async executeLater(query: CompiledQuery): Promise<void> {
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

function bindable(value: unknown): SQLInputValue {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value === undefined) return null;
  return value as SQLInputValue;
}
