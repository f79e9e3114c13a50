import type { CompiledQuery, QueryResult } from 'kysely';
import type { Connection } from '../connection.ts';
import { type PrimaryKeys, type RowKey, UnknownTableError } from '../row-access/primary-keys.ts';
import type { AccessMode } from '../row-access/row-access.ts';
import type { SqlBackend } from '../sql-backend.ts';

/** Another participant of the transaction holds the same key. */
export class KeyLockedError extends Error {
  readonly key: string;

  constructor(key: string) {
    super(`${key} is reserved`);
    this.key = key;
  }
}

/** The participants that hold a row, and in which mode. */
interface LockHolders {
  mode: AccessMode;
  readonly participants: Set<object>;
}

/** A transaction that several participants share. */
export class BatchedTransaction {
  readonly #connection: Connection;
  readonly #locks = new Map<string, LockHolders>();
  #abortCause: { readonly error: unknown } | undefined;
  #wrote = false;

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  static async open(backend: SqlBackend): Promise<BatchedTransaction> {
    const connection = await backend.acquireConnection();
    try {
      await connection.begin();
    } catch (error) {
      connection.release();
      throw error;
    }
    return new BatchedTransaction(connection);
  }

  addParticipant(): Participant {
    return new Participant(this.#connection, this);
  }

  get abortCause(): { readonly error: unknown } | undefined {
    return this.#abortCause;
  }

  /** Whether its commit certainly changed something; see Connection.wrote. */
  get wrote(): boolean {
    return this.#wrote;
  }

  /** Lets the transaction be rolled back. */
  abort(error: unknown): void {
    this.#abortCause ??= { error };
  }

  /**
   * Reserves the key for this participant, or for all that use it in the same mode. Throws KeyLockedError when another one
   * holds it.
   */
  lock(participant: object, { key, mode }: RowKey): void {
    const holders = this.#locks.get(key);
    if (!holders) this.#locks.set(key, { mode, participants: new Set([participant]) });
    else if (holders.participants.size === 1 && holders.participants.has(participant))
      holders.mode = holders.mode === mode ? mode : 'exclusive';
    else if (holders.mode === mode && mode !== 'exclusive') holders.participants.add(participant);
    else throw new KeyLockedError(key);
  }

  /** Releases everything that the participant holds, so that one of two that wait for each other can continue. */
  releaseLocks(participant: object): void {
    for (const [key, { participants }] of this.#locks)
      if (participants.delete(participant) && participants.size === 0) this.#locks.delete(key);
  }

  /** Commits, or rolls back if it failed or no participant has changes to keep; returns the error that prevented the commit. */
  async end(shouldCommit: boolean): Promise<{ readonly error: unknown } | undefined> {
    try {
      if (shouldCommit && !this.#abortCause) {
        await this.#connection.commit();
        this.#wrote = this.#connection.wrote;
      } else await this.#connection.rollback();
    } catch (error) {
      this.abort(error);
      await this.#connection.rollback();
    } finally {
      this.#connection.release();
    }
    return this.#abortCause;
  }
}

/** One participant's statements. If one fails, the transaction is rolled back for all participants. */
export class Participant implements Connection {
  readonly #connection: Connection;
  readonly #transaction: BatchedTransaction;
  #hasWritten = false;
  /** Writes without a result yet. */
  #pendingWrites = 0;
  #lockError: KeyLockedError | undefined;

  constructor(connection: Connection, transaction: BatchedTransaction) {
    this.#connection = connection;
    this.#transaction = transaction;
  }

  /** Whether the participant has written, including writes that it did not wait for. */
  get mayHaveWritten(): boolean {
    return this.#hasWritten || this.#pendingWrites > 0;
  }

  /** Why the participant left the transaction; whatever its code does with this error, it is restarted. */
  get lockError(): KeyLockedError | undefined {
    return this.#lockError;
  }

  /** Throws KeyLockedError when another participant holds the key. */
  lockKey(key: string): void {
    this.#lock({ key, mode: 'exclusive' });
  }

  /** Reserves the rows that a statement locks or writes. Throws KeyLockedError when another participant holds one of them. */
  lockRows(query: CompiledQuery, keys: PrimaryKeys): void {
    this.#assertActive();
    try {
      for (const row of keys.rowsOf(query)) this.#lock(row);
    } catch (error) {
      // when it runs alone, the keys are read again
      if (error instanceof UnknownTableError) this.#transaction.abort(error);
      throw error;
    }
  }

  #lock(row: RowKey): void {
    this.#assertActive();
    try {
      this.#transaction.lock(this, row);
    } catch (error) {
      this.#lockError = error as KeyLockedError;
      if (!this.mayHaveWritten) this.#transaction.releaseLocks(this);
      throw error;
    }
  }

  async execute<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    this.#assertActive();
    const writes = query.sql.startsWith('select ') ? 0 : 1;
    this.#pendingWrites += writes;
    try {
      const result = await this.#connection.execute<R>(query, this);
      if (result.numAffectedRows) this.#hasWritten = true;
      return result;
    } catch (error) {
      this.#transaction.abort(error);
      throw error;
    } finally {
      this.#pendingWrites -= writes;
    }
  }

  async enqueue(query: CompiledQuery): Promise<void> {
    this.#assertActive();
    this.#hasWritten = true;
    await this.#connection.enqueue(query, this);
  }

  #assertActive(): void {
    if (this.#lockError) throw this.#lockError;
    if (this.#transaction.abortCause) throw this.#transaction.abortCause.error;
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
