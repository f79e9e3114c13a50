import { CompiledQuery } from 'kysely';
import { asAnalyzed } from '../precompiled-query/analyzed-query.ts';
import { resolveValue } from '../precompiled-query/placeholder.ts';
import type { Dialect, SqlBackend } from '../sql-backend.ts';
import { type AccessMode, type RowAccess, rowAccesses } from './row-access.ts';

/** The table was created after the keys were read. */
export class UnknownTableError extends Error {}

const KEY_COLUMNS: Record<Dialect, string> = {
  mysql: `SELECT table_name AS table_name, column_name AS column_name FROM information_schema.key_column_usage
    WHERE table_schema = DATABASE() AND constraint_name = 'PRIMARY' ORDER BY table_name, ordinal_position`,
  sqlite: `SELECT m.name AS table_name, c.name AS column_name FROM sqlite_master m JOIN pragma_table_info(m.name) c
    WHERE m.type = 'table' AND c.pk > 0 ORDER BY m.name, c.pk`,
};

/** Tables that have a unique index besides their primary key. */
const OTHER_UNIQUE_INDEXES: Record<Dialect, string> = {
  mysql: `SELECT DISTINCT table_name AS table_name FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND non_unique = 0 AND index_name <> 'PRIMARY'`,
  sqlite: `SELECT DISTINCT m.name AS table_name FROM sqlite_master m JOIN pragma_index_list(m.name) i
    WHERE m.type = 'table' AND i."unique" = 1 AND i.origin <> 'pk'`,
};

/** A row by its table and primary key. */
export interface RowKey {
  readonly key: string;
  readonly mode: AccessMode;
}

/** The primary keys of all tables, read from the database: they identify the rows of a statement. */
export class PrimaryKeys {
  readonly #backend: SqlBackend;
  #columns: ReadonlyMap<string, readonly string[]> | undefined;
  #otherUnique: ReadonlySet<string> = new Set();
  /** Tables that did not exist when the keys were last read. */
  readonly #missing = new Set<string>();

  constructor(backend: SqlBackend) {
    this.#backend = backend;
  }

  get areLoaded(): boolean {
    return this.#columns !== undefined;
  }

  /** Reads the keys. */
  async load(): Promise<void> {
    const connection = await this.#backend.acquireConnection();
    try {
      const { dialect } = this.#backend;
      const read = <Row>(text: string) => connection.execute<Row & { table_name: string }>(CompiledQuery.raw(text));
      const [keys, others] = await Promise.all([
        read<{ column_name: string }>(KEY_COLUMNS[dialect]),
        read(OTHER_UNIQUE_INDEXES[dialect]),
      ]);
      this.#otherUnique = new Set(others.rows.map((row) => row.table_name));
      const byTable = Map.groupBy(keys.rows, (row) => row.table_name);
      this.#columns = new Map([...byTable].map(([table, key]) => [table, key.map((row) => row.column_name)]));
    } finally {
      connection.release();
    }
  }

  /**
   * The rows that a statement locks or writes. Throws for a statement that does not name them by their whole primary key, as
   * participants of a shared transaction must: otherwise two of them could write the same row unnoticed.
   */
  rowsOf(query: CompiledQuery): RowKey[] {
    const analyzed = asAnalyzed(query);
    const accesses = analyzed ? analyzed.accesses : rowAccesses(query);
    const found: RowKey[] = [];
    for (const access of accesses)
      for (const key of this.#keysOf(access, analyzed?.values, query.sql)) found.push({ key, mode: access.mode });
    return found;
  }

  #keysOf({ table, isUpsert, rows }: RowAccess, boundValues: object | undefined, sql: string): string[] {
    const columns = this.#columnsOf(table);
    if (isUpsert && this.#otherUnique.has(table))
      throw new Error(
        `an upsert of a shared transaction could write a row that it does not identify by ${columns}: ${sql}`,
      );
    return rows.flatMap((row) => {
      let keys = [table];
      for (const column of columns) {
        const values = row.get(column);
        if (!values) throw new Error(`a statement of a shared transaction must name its rows by ${columns}: ${sql}`);
        // MySQL ignores trailing spaces
        const texts = values.map((value) => String(resolveValue(value, boundValues)).trimEnd());
        keys =
          texts.length === 1
            ? keys.map((key) => `${key} ${texts[0]}`)
            : keys.flatMap((key) => texts.map((text) => `${key} ${text}`));
      }
      return keys;
    });
  }

  #columnsOf(table: string): readonly string[] {
    const columns = this.#columns?.get(table);
    if (columns) return columns;
    if (this.#missing.has(table)) throw new Error(`the table ${table} has no primary key`);
    this.#missing.add(table);
    this.#columns = undefined;
    throw new UnknownTableError(`the table ${table} did not exist when the keys were read`);
  }
}
