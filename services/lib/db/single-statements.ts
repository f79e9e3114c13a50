import { setTimeout as delay } from 'node:timers/promises';
import type { CompiledQuery, DatabaseConnection, Driver, Dialect as KyselyDialect, QueryResult } from 'kysely';
import type { Backend } from './database.ts';

/** How often a transaction or statement that lost a deadlock is run. */
export const ATTEMPTS = 8;

/** Waits before the attempt after `attempt`: random, so that the same two do not meet again. */
export function retryPause(attempt: number): Promise<void> {
  return delay(Math.random() * 5 * 2 ** attempt);
}

interface ErrorsOf {
  readonly backend: Backend;
  translate(error: unknown): unknown;
}

/**
 * The backend for statements that are committed each by itself. One that lost a deadlock has changed nothing and is run
 * again; other failures are translated. Not for transactions: those are run again as a whole, by their owner.
 */
export function singleStatements(errors: ErrorsOf): KyselyDialect {
  const dialect = errors.backend.kyselyDialect;
  return {
    createAdapter: () => dialect.createAdapter(),
    createDriver: () => new SingleStatementDriver(dialect.createDriver(), errors),
    createIntrospector: (db) => dialect.createIntrospector(db),
    createQueryCompiler: () => dialect.createQueryCompiler(),
  };
}

class SingleStatementDriver implements Driver {
  readonly #driver: Driver;
  readonly #errors: ErrorsOf;

  constructor(driver: Driver, errors: ErrorsOf) {
    this.#driver = driver;
    this.#errors = errors;
  }

  init(): Promise<void> {
    return this.#driver.init();
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    try {
      return new SingleStatementConnection(await this.#driver.acquireConnection(), this.#errors);
    } catch (error) {
      throw this.#errors.translate(error);
    }
  }

  releaseConnection(connection: SingleStatementConnection): Promise<void> {
    return this.#driver.releaseConnection(connection.inner);
  }

  beginTransaction(): Promise<void> {
    throw new Error('transactions go through Database.transaction()');
  }

  commitTransaction(): Promise<void> {
    return this.beginTransaction();
  }

  rollbackTransaction(): Promise<void> {
    return this.beginTransaction();
  }

  destroy(): Promise<void> {
    return this.#driver.destroy();
  }
}

class SingleStatementConnection implements DatabaseConnection {
  readonly inner: DatabaseConnection;
  readonly #errors: ErrorsOf;

  constructor(inner: DatabaseConnection, errors: ErrorsOf) {
    this.inner = inner;
    this.#errors = errors;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.inner.executeQuery<R>(query);
      } catch (error) {
        if (attempt === ATTEMPTS || !this.#errors.backend.isRetryable(error)) throw this.#errors.translate(error);
        await retryPause(attempt);
      }
    }
  }

  streamQuery<R>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    return this.inner.streamQuery<R>(query, chunkSize);
  }
}
