import type { CompiledQuery, Kysely } from 'kysely';
import { appError, ErrorReason } from '../errors/app-error.ts';
import { failpoint } from '../runtime/failpoints.ts';
import { currentUnconfirmedReads, throwIfAborted } from '../runtime/request-context.ts';
import { AutocommitExecutor, delayRetry, MAX_ATTEMPTS } from './autocommit-executor.ts';
import { type DatabaseFault, faultMessages } from './database-fault.ts';
import { DurabilityBarrier } from './durability/durability-barrier.ts';
import { GroupCommit } from './group-commit/group-commit.ts';
import { ReadBatcher } from './read-batcher.ts';
import { PrimaryKeys } from './row-access/primary-keys.ts';
import type { Dialect, Executor, NamedLock, SqlBackend } from './sql-backend.ts';
import { ConnectionExecutor, kyselyOver } from './statement-executor.ts';
import { assertNoTransaction, runInTransaction, type TransactionContext } from './transaction-context.ts';

export interface TransactionOptions {
  /**
   * Transactions of one group may run as participants of one shared transaction, which saves more the higher the load is. The
   * rows that a participant locks or writes are kept from the others, so every such statement must name its rows by their whole
   * primary key. Undefined for a transaction of its own.
   */
  readonly group?: string;
}

type BeforeStatement = (query: CompiledQuery) => void;

/** The SQL database, over either dialect. All statements go through it. */
export class Database {
  readonly backend: SqlBackend;
  // biome-ignore lint/suspicious/noExplicitAny: the stores know their tables
  readonly #autocommit: Kysely<any>;
  /** Batches the reads of hot paths outside of transactions. */
  readonly readBatcher: ReadBatcher;
  readonly #groups = new Map<string, GroupCommit>();
  /** Receives every fault that a statement reports. */
  onFault: (fault: DatabaseFault, error: unknown) => void = () => {};
  readonly #barrier: DurabilityBarrier;
  readonly #keys: PrimaryKeys;

  constructor(backend: SqlBackend) {
    this.backend = backend;
    this.readBatcher = new ReadBatcher(backend);
    this.#barrier = new DurabilityBarrier(backend);
    this.#keys = new PrimaryKeys(backend);
    this.#autocommit = kyselyOver(new AutocommitExecutor(this));
  }

  get dialect(): Dialect {
    return this.backend.dialect;
  }

  /**
   * Single statements, each committed by itself and run again after a deadlock. An unreachable server becomes
   * SERVICE_UNAVAILABLE. Throws inside a transaction, where it would wait for itself.
   */
  autocommit<T>(): Kysely<T> {
    assertNoTransaction('a statement of its own');
    return this.#autocommit as Kysely<T>;
  }

  /**
   * Runs `callback` in one transaction (READ COMMITTED, or SQLite's immediate one) and returns its result after the commit.
   * After deadlocks and lock waits `callback` runs again as a whole, so it must have no effect but its statements. An
   * unreachable server becomes SERVICE_UNAVAILABLE; when that happens at the commit its outcome is unknown, and it is never
   * repeated here: the caller's repeat finds out. When the request is no longer awaited, because its caller left or its
   * deadline passed, nothing is committed and the signal's reason is thrown. `label` names the failpoints
   * `db.before-commit:label` and `db.after-commit:label`.
   */
  async transaction<T, R>(
    label: string,
    callback: (tx: Executor<T>) => Promise<R>,
    { group }: TransactionOptions = {},
  ): Promise<R> {
    assertNoTransaction('a second transaction');
    return group === undefined ? this.#runSolo(label, callback) : this.#groupNamed(group).run(label, callback);
  }

  /**
   * Resolves when everything that the current flow has read is on disk, so that it may be answered, published or acted on: at
   * once when a commit of the flow has proved that, else after a small commit that many flows share. Outside of a flow
   * everything counts as read. SERVICE_UNAVAILABLE when durability cannot be confirmed, also because
   * the server was restarted since the flow began.
   */
  async confirmReads(): Promise<void> {
    const reads = currentUnconfirmedReads();
    const begunAt = reads?.begunAt ?? performance.now();
    if (this.backend.visibleIsDurable || (reads && !reads.hasPending)) return;
    assertNoTransaction('waiting for the durability of what was read');
    const mark = reads?.mark ?? 0;
    try {
      await this.#barrier.pass();
    } catch (error) {
      throw this.translate(error);
    }
    this.assertServedSince(begunAt);
    reads?.confirm(mark, this.backend.servedSince);
  }

  /**
   * Throws SERVICE_UNAVAILABLE when the server was restarted after `begunAt`, so that what was read before may be gone. Call it
   * after a statement was answered: the restart is known by then.
   */
  assertServedSince(begunAt: number): void {
    if (begunAt < this.backend.servedSince)
      throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'the database was restarted meanwhile; repeat the request');
  }

  #groupNamed(name: string): GroupCommit {
    const existing = this.#groups.get(name);
    if (existing) return existing;
    const { backend } = this;
    const group = new GroupCommit(name, {
      backend,
      keys: this.#keys,
      runSolo: (label, callback, beforeStatement) => this.#runSolo(label, callback, beforeStatement),
      translate: (error) => this.translate(error),
    });
    this.#groups.set(name, group);
    return group;
  }

  async #runSolo<T, R>(
    label: string,
    callback: (tx: Executor<T>) => Promise<R>,
    beforeStatement?: BeforeStatement,
  ): Promise<R> {
    const context: TransactionContext = { afterCommit: [] };
    const result = await this.#runWithRetries(label, callback, context, beforeStatement);
    for (const hook of context.afterCommit) hook();
    await failpoint(`db.after-commit:${label}`);
    return result;
  }

  async #runWithRetries<T, R>(
    label: string,
    callback: (tx: Executor<T>) => Promise<R>,
    context: TransactionContext,
    beforeStatement?: BeforeStatement,
  ): Promise<R> {
    for (let attempt = 1; ; attempt++) {
      context.afterCommit.length = 0;
      throwIfAborted();
      try {
        return await runInTransaction(context, () => this.#runOnce(label, callback, beforeStatement));
      } catch (error) {
        if (attempt < MAX_ATTEMPTS && this.backend.isRetryable(error)) {
          await delayRetry(attempt);
          continue;
        }
        throw this.translate(error);
      }
    }
  }

  async #runOnce<T, R>(
    label: string,
    callback: (tx: Executor<T>) => Promise<R>,
    beforeStatement?: BeforeStatement,
  ): Promise<R> {
    const connection = await this.backend.acquireConnection();
    const statements = new ConnectionExecutor(this.dialect, connection, beforeStatement);
    const reads = currentUnconfirmedReads();
    try {
      await connection.begin();
      const result = await callback(kyselyOver(statements));
      await failpoint(`db.before-commit:${label}`);
      throwIfAborted();
      reads?.recordRead();
      const mark = reads?.mark ?? 0;
      await connection.commit();
      if (connection.wrote) reads?.confirm(mark, this.backend.servedSince);
      this.backend.stats.countCommit(label);
      return result;
    } catch (error) {
      reads?.recordRead();
      await connection.rollback();
      throw error;
    } finally {
      statements.close();
      connection.release();
    }
  }

  /** The public error for a failed statement: SERVICE_UNAVAILABLE when the database cannot execute it now. */
  translate(error: unknown): unknown {
    const fault = this.backend.faultOf(error);
    if (fault) this.onFault(fault, error);
    if (fault || this.backend.isRetryable(error))
      return appError(ErrorReason.SERVICE_UNAVAILABLE, faultMessages[fault ?? 'away'], {}, error);
    return error;
  }

  /** Whether the statement failed on a unique index. The transaction it was in must be rolled back before going on. */
  isDuplicateKey(error: unknown): boolean {
    return this.backend.isDuplicateKey(error);
  }

  /** Takes the named lock, or returns undefined when another holder has it. Does not wait. */
  async tryLock(name: string): Promise<NamedLock | undefined> {
    assertNoTransaction('taking a named lock');
    try {
      return await this.backend.tryLock(name);
    } catch (error) {
      throw this.translate(error);
    }
  }

  close(): Promise<void> {
    return this.backend.close();
  }
}
