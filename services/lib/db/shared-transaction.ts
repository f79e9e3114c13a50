import type { CompiledQuery, QueryResult } from 'kysely';
import type { Connection } from './connection.ts';
import type { Backend } from './database.ts';

/** Another work of the transaction is at the same rows. */
export class Reserved extends Error {
  readonly key: string;

  constructor(key: string) {
    super(`${key} is reserved`);
    this.key = key;
  }
}

/** A connection's transaction that several works share. */
export class SharedTransaction {
  readonly #connection: Connection;
  readonly #reserved = new Map<string, object>();
  #broken: { readonly error: unknown } | undefined;
  #wrote = false;

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  static async open(backend: Backend): Promise<SharedTransaction> {
    const connection = await backend.connect();
    try {
      await connection.begin();
    } catch (error) {
      connection.release();
      throw error;
    }
    return new SharedTransaction(connection);
  }

  /** One work's way to it. */
  part(): Part {
    return new Part(this.#connection, this);
  }

  get broken(): { readonly error: unknown } | undefined {
    return this.#broken;
  }

  /** Whether its commit certainly wrote something; see Connection.wrote. */
  get wrote(): boolean {
    return this.#wrote;
  }

  /** Nothing of it will be kept. */
  break(error: unknown): void {
    this.#broken ??= { error };
  }

  /** Keeps the key to this work. Throws Reserved when another one has it. */
  reserve(work: object, key: string): void {
    const holder = this.#reserved.get(key) ?? work;
    if (holder !== work) throw new Reserved(key);
    this.#reserved.set(key, work);
  }

  /** Commits, or rolls back what is broken or what nobody wants kept; returns why nothing was kept that should have been. */
  async end(isWanted: boolean): Promise<{ readonly error: unknown } | undefined> {
    try {
      if (isWanted && !this.#broken) {
        await this.#connection.commit();
        this.#wrote = this.#connection.wrote;
      } else await this.#connection.rollback();
    } catch (error) {
      this.break(error);
      await this.#connection.rollback();
    } finally {
      this.#connection.release();
    }
    return this.#broken;
  }
}

/** A work's statements in a shared transaction. Whatever fails of them breaks it for all. */
class Part implements Connection {
  readonly #connection: Connection;
  readonly #shared: SharedTransaction;
  #hasWritten = false;
  /** Writes whose answer is not there yet. */
  #writing = 0;

  constructor(connection: Connection, shared: SharedTransaction) {
    this.#connection = connection;
    this.#shared = shared;
  }

  /** Whether something would be kept of a work that ends here, also of what it did not wait for. */
  get mayHaveWritten(): boolean {
    return this.#hasWritten || this.#writing > 0;
  }

  async execute<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    this.#mustHold();
    const writes = query.sql.startsWith('select ') ? 0 : 1;
    this.#writing += writes;
    try {
      const result = await this.#connection.execute<R>(query, this);
      if (result.numAffectedRows) this.#hasWritten = true;
      return result;
    } catch (error) {
      this.#shared.break(error);
      throw error;
    } finally {
      this.#writing -= writes;
    }
  }

  async executeLater(query: CompiledQuery): Promise<void> {
    this.#mustHold();
    this.#hasWritten = true;
    await this.#connection.executeLater(query, this);
  }

  #mustHold(): void {
    if (this.#shared.broken) throw this.#shared.broken.error;
  }

  get wrote(): never {
    throw new Error('what a shared transaction wrote is known for all');
  }

  begin(): never {
    throw new Error('a shared transaction has begun');
  }

  commit(): never {
    throw new Error('a shared transaction is committed for all');
  }

  rollback(): never {
    throw new Error('a shared transaction is rolled back for all');
  }

  release(): never {
    throw new Error('a shared connection is given back for all');
  }
}
