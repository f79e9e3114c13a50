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
    return {
      execute: async (query) => this.#execute(query),
      executeLater: async (query) => void this.#execute(query),
      begin: async () => this.#database.exec('BEGIN IMMEDIATE'),
      commit: async () => this.#database.exec('COMMIT'),
      rollback: async () => this.#rollback(),
      release: resolve,
    };
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

  /** A full disk ends the transaction by itself. */
  #rollback(): void {
    if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
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

function bindable(value: unknown): SQLInputValue {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value === undefined) return null;
  return value as SQLInputValue;
}
