import { AsyncLocalStorage } from 'node:async_hooks';

/** The open transaction of the current flow. */
export interface TransactionContext {
  /** Run after the commit. */
  readonly afterCommit: (() => void)[];
  /** Identifies the participant of a shared transaction; undefined in a transaction of its own. */
  lockKey?: (key: string) => void;
}

const contexts = new AsyncLocalStorage<TransactionContext | undefined>();

/** Throws inside a transaction: only the database may be awaited there. */
export function assertNoTransaction(operation: string): void {
  if (contexts.getStore()) throw new Error(`${operation} inside a database transaction`);
}

/** Runs `work` outside of the open transaction, for work that outlives it. */
export function runOutsideTransaction<T>(callback: () => T): T {
  return contexts.run(undefined, callback);
}

/** Runs `work` as a part of a transaction. */
export function runInTransaction<T>(context: TransactionContext, callback: () => T): T {
  return contexts.run(context, callback);
}

/** Runs `hook` after the commit of the open transaction; it must not throw. Not at all after a rollback. */
export function afterCommit(hook: () => void): void {
  const context = contexts.getStore();
  if (!context) throw new Error('afterCommit outside a transaction');
  context.afterCommit.push(() => runOutsideTransaction(hook));
}

/**
 * Reserves `key` for this participant of the shared transaction; a second participant that asks for it is restarted later. Rows
 * that a statement locks or writes are reserved without it. It avoids restarts: reserve everything that participants may
 * collide on, also keys without a row yet, before the first write, since a collision after a write restarts all of them.
 */
export function lockKey(key: string): void {
  const context = contexts.getStore();
  if (!context) throw new Error('reserve outside a transaction');
  context.lockKey?.(key);
}
