import { CompiledQuery } from 'kysely';
import type { Backend, Dialect } from './database.ts';
import { asHot } from './hot-query.ts';
import { resolveValue } from './placeholder.ts';
import { type AccessMode, type RowAccess, rowAccesses } from './row-access.ts';

/** A table was made after the keys were read. */
export class UnknownTableError extends Error {}

const KEY_COLUMNS: Record<Dialect, string> = {
  mysql: `SELECT table_name AS table_name, column_name AS column_name FROM information_schema.key_column_usage
    WHERE table_schema = DATABASE() AND constraint_name = 'PRIMARY' ORDER BY table_name, ordinal_position`,
  sqlite: `SELECT m.name AS table_name, c.name AS column_name FROM sqlite_master m JOIN pragma_table_info(m.name) c
    WHERE m.type = 'table' AND c.pk > 0 ORDER BY m.name, c.pk`,
};

/** A row by its table and primary key. */
export interface RowKey {
  readonly key: string;
  readonly mode: AccessMode;
}

/** The primary keys of all tables, as the database has them: by them a statement's rows get names. */
export class PrimaryKeys {
  readonly #backend: Backend;
  #columns: ReadonlyMap<string, readonly string[]> | undefined;
  /** Tables that were not there when the keys were last read. */
  readonly #missing = new Set<string>();

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  get areKnown(): boolean {
    return this.#columns !== undefined;
  }

  /** Reads the keys. */
  async load(): Promise<void> {
    const connection = await this.#backend.connect();
    try {
      const query = CompiledQuery.raw(KEY_COLUMNS[this.#backend.dialect]);
      const { rows } = await connection.execute<{ table_name: string; column_name: string }>(query);
      const byTable = Map.groupBy(rows, (row) => row.table_name);
      this.#columns = new Map([...byTable].map(([table, key]) => [table, key.map((row) => row.column_name)]));
    } finally {
      connection.release();
    }
  }

  /**
   * The rows that a statement locks or writes. Throws for one that does not name them by their whole primary key, which
   * works that share a transaction have to: else nothing could tell whether two of them meet.
   */
  rowsOf(query: CompiledQuery): RowKey[] {
    const hot = asHot(query);
    const accesses = hot ? hot.accesses : rowAccesses(query);
    const found: RowKey[] = [];
    for (const access of accesses)
      for (const key of this.#keysOf(access, hot?.values, query.sql)) found.push({ key, mode: access.mode });
    return found;
  }

  #keysOf({ table, rows }: RowAccess, given: object | undefined, sql: string): string[] {
    const columns = this.#of(table);
    return rows.flatMap((row) => {
      let keys = [table];
      for (const column of columns) {
        const values = row.get(column);
        if (!values) throw new Error(`a statement of a shared transaction has to name its rows by ${columns}: ${sql}`);
        // blanks at the end make no difference to MySQL
        const texts = values.map((value) => String(resolveValue(value, given)).trimEnd());
        keys =
          texts.length === 1
            ? keys.map((key) => `${key} ${texts[0]}`)
            : keys.flatMap((key) => texts.map((text) => `${key} ${text}`));
      }
      return keys;
    });
  }

  #of(table: string): readonly string[] {
    const columns = this.#columns?.get(table);
    if (columns) return columns;
    if (this.#missing.has(table)) throw new Error(`the table ${table} has no primary key`);
    this.#missing.add(table);
    this.#columns = undefined;
    throw new UnknownTableError(`the table ${table} was not there when the keys were read`);
  }
}
