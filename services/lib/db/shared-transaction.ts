import type { CompiledQuery, QueryResult } from 'kysely';
import type { Connection } from './connection.ts';
import type { Backend } from './database.ts';
import { type PrimaryKeys, type RowKey, UnknownTableError } from './primary-keys.ts';
import type { AccessMode } from './row-access.ts';

/** Another work of the transaction is at the same rows. */
export class Reserved extends Error {
  readonly key: string;

  constructor(key: string) {
    super(`${key} is reserved`);
    this.key = key;
  }
}

/** The participants that hold a row, and in which mode. */
interface Holders {
  mode: AccessMode;
  readonly works: Set<object>;
}

/** A connection's transaction that several works share. */
export class SharedTransaction {
  readonly #connection: Connection;
  readonly #reserved = new Map<string, Holders>();
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

  /** Whether its commit certainly changed something; see Connection.wrote. */
  get wrote(): boolean {
    return this.#wrote;
  }

  /** Nothing of it will be kept. */
  break(error: unknown): void {
    this.#broken ??= { error };
  }

  /**
   * Reserves the key for this participant, or for all that use it in the same mode. Throws Reserved when another one holds it.
   */
  reserve(work: object, { key, mode }: RowKey): void {
    const held = this.#reserved.get(key);
    if (!held) this.#reserved.set(key, { mode, works: new Set([work]) });
    else if (held.works.size === 1 && held.works.has(work)) held.mode = held.mode === mode ? mode : 'exclusive';
    else if (held.mode === mode && mode !== 'exclusive') held.works.add(work);
    else throw new Reserved(key);
  }

  /** Releases everything that the participant holds, so that one of two that wait for each other can continue. */
  release(work: object): void {
    for (const [key, { works }] of this.#reserved)
      if (works.delete(work) && works.size === 0) this.#reserved.delete(key);
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
export class Part implements Connection {
  readonly #connection: Connection;
  readonly #shared: SharedTransaction;
  #hasWritten = false;
  /** Writes whose answer is not there yet. */
  #writing = 0;
  #missed: Reserved | undefined;

  constructor(connection: Connection, shared: SharedTransaction) {
    this.#connection = connection;
    this.#shared = shared;
  }

  /** Whether something would be kept of a work that ends here, also of what it did not wait for. */
  get mayHaveWritten(): boolean {
    return this.#hasWritten || this.#writing > 0;
  }

  /** Why the participant left the transaction; whatever its code does with this error, it is restarted. */
  get missed(): Reserved | undefined {
    return this.#missed;
  }

  /** Throws Reserved when another participant holds the key. */
  reserve(key: string): void {
    this.#take({ key, mode: 'exclusive' });
  }

  /** Reserves the rows that a statement locks or writes. Throws Reserved when another participant holds one of them. */
  reserveRows(query: CompiledQuery, keys: PrimaryKeys): void {
    this.#mustHold();
    try {
      for (const row of keys.rowsOf(query)) this.#take(row);
    } catch (error) {
      // when it runs alone, the keys are read again
      if (error instanceof UnknownTableError) this.#shared.break(error);
      throw error;
    }
  }

  #take(row: RowKey): void {
    this.#mustHold();
    try {
      this.#shared.reserve(this, row);
    } catch (error) {
      this.#missed = error as Reserved;
      if (!this.mayHaveWritten) this.#shared.release(this);
      throw error;
    }
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
    if (this.#missed) throw this.#missed;
    if (this.#shared.broken) throw this.#shared.broken.error;
  }

  get wrote(): never {
    throw new Error('a shared transaction only knows whether it wrote as a whole');
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
