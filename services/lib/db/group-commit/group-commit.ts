import { AsyncLocalStorage } from 'node:async_hooks';
import type { CompiledQuery } from 'kysely';
import { failpoint } from '../../runtime/failpoints.ts';
import { currentUnconfirmedReads, detached, throwIfAborted, tryGetContext } from '../../runtime/request-context.ts';
import type { PrimaryKeys } from '../row-access/primary-keys.ts';
import type { Executor, SqlBackend } from '../sql-backend.ts';
import { ConnectionExecutor, kyselyOver } from '../statement-executor.ts';
import { runInTransaction, type TransactionContext } from '../transaction-context.ts';
import { BatchedTransaction, KeyLockedError } from './batched-transaction.ts';

/** The most participants of a transaction. */
const MAX_BATCH_SIZE = 32;
/** After this time (for example behind a row lock) the next transaction starts without waiting. */
const SLOW_AFTER_MS = 30;
/** The most transactions of a group at a time: more would not help when all are slow. */
const MAX_CONCURRENT = 4;
/** After this time a transaction counts as stuck behind a lock and no longer towards the limit: a few would stop the group. */
const STUCK_AFTER_MS = 1_000;

/** The database of a group. */
export interface GroupCommitHost {
  readonly backend: SqlBackend;
  /** The primary keys that identify the rows of the participants. */
  readonly keys: PrimaryKeys;
  /** Runs the callback in a transaction of its own, with retries; calls `beforeStatement` with every statement first. */
  runSolo<R>(
    label: string,
    callback: TransactionCallback<R>,
    beforeStatement: (query: CompiledQuery) => void,
  ): Promise<R>;
  translate(error: unknown): unknown;
}

export type TransactionCallback<R> = (tx: Executor) => Promise<R>;

interface PendingTransaction {
  /** The number of transactions that arrived in the group before it. */
  readonly arrival: number;
  readonly label: string;
  /** Empty outside of requests. */
  readonly tenant: string;
  readonly callback: TransactionCallback<unknown>;
  /** Runs a function in the context of the caller. */
  readonly inContext: <T>(run: () => T) => T;
  readonly afterCommit: (() => void)[];
  /** The key that another participant held at the last attempt. */
  conflictedKey?: string;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** The outcome of a participant's callback, before that of the transaction is known. */
type CallbackOutcome = { readonly result: unknown } | { readonly error: unknown };

/**
 * Group commit: transactions that arrive while one of their group is under way share the next one, which begins as soon as that
 * has ended. Their callbacks run concurrently, their statements share requests, and one commit covers all of them. Participants
 * do not notice: a callback that throws before it has written does not affect the others; after any other failure everything
 * is rolled back, and every callback runs again by itself.
 */
export class GroupCommit {
  readonly #name: string;
  readonly #host: GroupCommitHost;
  /** In the order of their arrival. */
  #queue: PendingTransaction[] = [];
  #arrivals = 0;
  #isScheduled = false;
  #runningCount = 0;
  /** The number of running transactions that the next one no longer waits for. */
  #slowCount = 0;
  /** How many of them count as stuck. */
  #stuckCount = 0;

  constructor(name: string, host: GroupCommitHost) {
    this.#name = name;
    this.#host = host;
  }

  /** Runs the callback in a shared transaction; resolves after its commit. */
  run<R>(label: string, callback: TransactionCallback<R>): Promise<R> {
    const given = { label, tenant: tryGetContext()?.tenant ?? '', callback, inContext: AsyncLocalStorage.snapshot() };
    return new Promise<R>((resolve, reject) => {
      const arrival = this.#arrivals++;
      this.#queue.push({
        ...given,
        arrival,
        afterCommit: [],
        resolve: resolve as PendingTransaction['resolve'],
        reject,
      });
      this.#schedule();
    });
  }

  /** Deferred, so that transactions of the same turn of the event loop join. */
  #schedule(): void {
    const isBusy = this.#runningCount > this.#slowCount || this.#runningCount - this.#stuckCount >= MAX_CONCURRENT;
    if (this.#isScheduled || isBusy || this.#queue.length === 0) return;
    this.#isScheduled = true;
    detached(() =>
      setImmediate(() => {
        this.#isScheduled = false;
        void this.#runBatch(this.#takeBatch()).then(() => this.#schedule());
      }),
    );
  }

  /** The oldest ones; of those that conflicted on the same key only one, since only one can lock it. */
  #takeBatch(): PendingTransaction[] {
    const conflicted = new Set<string>();
    const [batch, remaining]: [PendingTransaction[], PendingTransaction[]] = [[], []];
    for (const pending of this.#queue) {
      const wouldConflict = pending.conflictedKey !== undefined && conflicted.has(pending.conflictedKey);
      if (pending.conflictedKey !== undefined) conflicted.add(pending.conflictedKey);
      (wouldConflict || batch.length === MAX_BATCH_SIZE ? remaining : batch).push(pending);
    }
    this.#queue = remaining;
    return batch;
  }

  async #runBatch(batch: readonly PendingTransaction[]): Promise<void> {
    const [only] = batch;
    this.#runningCount += 1;
    using _late = this.#countAfter(SLOW_AFTER_MS, (difference) => {
      this.#slowCount += difference;
    });
    using _stuck = this.#countAfter(STUCK_AFTER_MS, (difference) => {
      this.#stuckCount += difference;
    });
    if (batch.length === 1 && only) await this.#runSolo(only);
    else await this.#runBatched(batch.toSorted(byTenant));
    this.#runningCount -= 1;
  }

  /** Counts a transaction that is still under way after this time, until it ends. */
  #countAfter(ms: number, count: (difference: number) => void): Disposable {
    let isCounted = false;
    const timer = setTimeout(() => {
      isCounted = true;
      count(1);
      this.#schedule();
    }, ms);
    return {
      [Symbol.dispose]: () => {
        clearTimeout(timer);
        if (isCounted) count(-1);
      },
    };
  }

  /** Never throws. */
  async #runSolo({ label, callback, inContext, resolve, reject }: PendingTransaction): Promise<void> {
    const { keys } = this.#host;
    // a statement that does not name its rows also fails here, else it would fail only under concurrent load
    const beforeStatement = (query: CompiledQuery) => void keys.rowsOf(query);
    try {
      await this.#loadKeys();
      resolve(await inContext(() => this.#host.runSolo(label, callback, beforeStatement)));
    } catch (error) {
      reject(error);
    }
  }

  /** Never throws. */
  async #runBatched(batch: readonly PendingTransaction[]): Promise<void> {
    const transaction = await this.#openTransaction().catch((error) => {
      for (const { reject } of batch) reject(this.#host.translate(error));
    });
    if (!transaction) return;
    const outcomes = await Promise.all(batch.map((pending) => this.#runParticipant(transaction, pending)));
    batch.forEach((pending, index) => {
      if ('result' in outcomes[index]!) dropAborted(transaction, pending);
    });
    const reads = batch.map((pending) => pending.inContext(currentUnconfirmedReads));
    const marks = reads.map((one) => one?.mark ?? 0);
    const cause = await transaction.end(outcomes.some((outcome) => 'result' in outcome));
    const { servedSince } = this.#host.backend;
    if (cause === undefined && transaction.wrote)
      reads.forEach((one, index) => void one?.confirm(marks[index]!, servedSince));
    if (cause === undefined) this.#host.backend.stats.countCommit(`group.${this.#name}`);
    const toRetry: PendingTransaction[] = [];
    batch.forEach((pending, index) => {
      if (!this.#settle(pending, outcomes[index]!, cause)) toRetry.push(pending);
    });
    // after those that have waited longer: at the front, the losers of each round would overtake those of earlier rounds
    const conflicted = batch.filter((_, index) => isKeyLocked(outcomes[index]!));
    this.#queue = [...conflicted, ...this.#queue].sort((a, b) => a.arrival - b.arrival);
    // sequential runs would make the last one wait for all others
    await Promise.all(toRetry.map((pending) => this.#runSolo(pending)));
  }

  async #openTransaction(): Promise<BatchedTransaction> {
    await this.#loadKeys();
    return BatchedTransaction.open(this.#host.backend);
  }

  async #loadKeys(): Promise<void> {
    if (this.#host.keys.areLoaded) return;
    await this.#host.keys.load().catch((error) => {
      throw this.#host.translate(error);
    });
  }

  async #runParticipant(transaction: BatchedTransaction, pending: PendingTransaction): Promise<CallbackOutcome> {
    const participant = transaction.addParticipant();
    const context: TransactionContext = {
      afterCommit: pending.afterCommit,
      lockKey: (key) => participant.lockKey(key),
    };
    const { backend, keys } = this.#host;
    const executor = new ConnectionExecutor(backend.dialect, participant, (query) => participant.lockRows(query, keys));
    const run = async () => {
      throwIfAborted();
      const result = await pending.callback(kyselyOver(executor));
      await failpoint(`db.before-commit:${pending.label}`);
      throwIfAborted();
      if (participant.lockError) throw participant.lockError;
      return { result };
    };
    try {
      return await pending.inContext(() => runInTransaction(context, run));
    } catch (caught) {
      const error = participant.lockError ?? caught;
      if (participant.mayHaveWritten) transaction.abort(error);
      return { error };
    } finally {
      executor.close();
      pending.inContext(currentUnconfirmedReads)?.recordRead();
    }
  }

  /** Settles a participant; false when its callback must run again by itself. */
  #settle(
    pending: PendingTransaction,
    outcome: CallbackOutcome,
    cause: { readonly error: unknown } | undefined,
  ): boolean {
    if (isKeyLocked(outcome)) {
      pending.afterCommit.length = 0;
      pending.conflictedKey = outcome.error.key;
      return true;
    }
    if (!cause) {
      if ('error' in outcome) pending.reject(outcome.error);
      else void this.#complete(pending, outcome.result);
      return true;
    }
    pending.afterCommit.length = 0;
    if (!this.#host.backend.isConnectionLost(cause.error)) return false;
    // it is unknown whether it was committed
    pending.reject(this.#host.translate(cause.error));
    return true;
  }

  async #complete(
    { label, inContext, afterCommit, resolve, reject }: PendingTransaction,
    result: unknown,
  ): Promise<void> {
    try {
      for (const hook of afterCommit) inContext(hook);
      await inContext(() => failpoint(`db.after-commit:${label}`));
      resolve(result);
    } catch (error) {
      reject(error);
    }
  }
}

/** One order for all processes: locks of one tenant are asked for in the order of their keys, by one statement. */
function byTenant(a: PendingTransaction, b: PendingTransaction): number {
  return a.tenant < b.tenant ? -1 : Number(a.tenant > b.tenant);
}

function isKeyLocked(outcome: CallbackOutcome): outcome is { readonly error: KeyLockedError } {
  return 'error' in outcome && outcome.error instanceof KeyLockedError;
}

/** Aborts the transaction when this caller left while the others were running: it is repeated without that caller. */
function dropAborted(transaction: BatchedTransaction, { inContext }: PendingTransaction): void {
  try {
    inContext(throwIfAborted);
  } catch (error) {
    transaction.abort(error);
  }
}
