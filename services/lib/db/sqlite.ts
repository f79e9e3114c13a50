import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { Backend, NamedLock } from './database.ts';

const DUPLICATE = [1555, 2067]; // SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE
const CACHED_STATEMENTS = 500;

/**
 * SQLite in a file under `dataDir`, or in memory for `:memory:`. One connection, one transaction at a time. A second
 * process on the same folder is refused: two would wait for each other's writes and miss each other's wake-ups.
 */
export function sqliteBackend(dataDir: string): Backend {
  const inMemory = dataDir === ':memory:';
  if (!inMemory) makeFolder(dataDir);
  const folderLock = inMemory ? undefined : lockFolder(dataDir);
  const database = new DatabaseSync(inMemory ? ':memory:' : join(dataDir, 'auto-session.db'));
  // FULL: a commit that was answered survives a power cut, not only the end of the process.
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
  const driver = new NodeSqliteDriver(database);
  const locks = new Set<string>();
  return {
    dialect: 'sqlite',
    kyselyDialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => driver,
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
    tryLock: async (name) => takeLock(locks, name),
    isDuplicateKey: (error) => DUPLICATE.includes(errorCode(error)),
    isRetryable: () => false,
    isUnavailable: () => false,
    close: async () => {
      await driver.destroy();
      folderLock?.close();
    },
  };
}

function makeFolder(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    accessSync(dataDir, constants.W_OK);
  } catch (error) {
    throw new Error(`nothing can be stored in the folder ${dataDir} (AUTOSESSION_DATA_DIR)`, { cause: error });
  }
}

/** Holds an exclusive lock on a file of its own for as long as the process lives; the system frees it after a kill. */
function lockFolder(dataDir: string): DatabaseSync {
  const lock = new DatabaseSync(join(dataDir, 'lock.db'));
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;');
    return lock;
  } catch (error) {
    lock.close();
    throw new Error(`the data folder ${dataDir} is in use by another process (AUTOSESSION_DATA_DIR)`, { cause: error });
  }
}

function takeLock(locks: Set<string>, name: string): NamedLock | undefined {
  if (locks.has(name)) return undefined;
  locks.add(name);
  return {
    held: async () => locks.has(name),
    [Symbol.asyncDispose]: async () => void locks.delete(name),
  };
}

function errorCode(error: unknown): number {
  return (error as { errcode?: number } | undefined)?.errcode ?? 0;
}

/** One connection behind one queue: SQLite has one writer, and two flows must not share a transaction. */
class NodeSqliteDriver implements Driver {
  readonly #database: DatabaseSync;
  readonly #connection: NodeSqliteConnection;
  #busy: Promise<void> = Promise.resolve();
  #release: () => void = () => {};

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#connection = new NodeSqliteConnection(database);
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    const before = this.#busy;
    let release = () => {};
    this.#busy = new Promise((resolve) => {
      release = resolve;
    });
    await before;
    this.#release = release;
    return this.#connection;
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('BEGIN IMMEDIATE'));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('COMMIT'));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    // a full disk ends the transaction by itself, and then ROLLBACK would hide that error behind its own
    if (this.#database.isTransaction) await connection.executeQuery(CompiledQuery.raw('ROLLBACK'));
  }

  async releaseConnection(): Promise<void> {
    this.#release();
  }

  async destroy(): Promise<void> {
    await this.#busy;
    this.#connection.forgetStatements();
    this.#database.close();
  }
}

class NodeSqliteConnection implements DatabaseConnection {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, { statement: StatementSync; reads: boolean }>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { statement, reads } = this.#prepare(query.sql);
    const parameters = query.parameters.map(bindable);
    if (reads) return { rows: statement.all(...parameters) as R[] };
    const { changes, lastInsertRowid } = statement.run(...parameters);
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
  }

  // biome-ignore lint/correctness/useYield: the interface wants a generator
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('streamed queries are not supported');
  }

  forgetStatements(): void {
    this.#statements.clear();
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
