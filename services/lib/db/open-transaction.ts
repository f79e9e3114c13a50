import { AsyncLocalStorage } from 'node:async_hooks';

/** A work's part in the transaction that is open for it. */
export interface OpenTransaction {
  /** Run after the commit. */
  readonly afterCommit: (() => void)[];
  /** Keeps works of one transaction apart, where several share it; undefined where it is one work's own. */
  reserve?: (key: string) => void;
}

const open = new AsyncLocalStorage<OpenTransaction | undefined>();

/** Throws inside a transaction: nothing may be waited for there but the database. */
export function assertNoTransaction(what: string): void {
  if (open.getStore()) throw new Error(`${what} inside a database transaction`);
}

/** Runs `work` outside of the transaction that is open here, for work that outlives it. */
export function outsideTransaction<T>(work: () => T): T {
  return open.run(undefined, work);
}

/** Runs `work` as a part of a transaction. */
export function insideTransaction<T>(state: OpenTransaction, work: () => T): T {
  return open.run(state, work);
}

/** Runs `hook` after the commit of the transaction that is open here; it must not throw. Not at all after a rollback. */
export function afterCommit(hook: () => void): void {
  const state = open.getStore();
  if (!state) throw new Error('afterCommit outside a transaction');
  state.afterCommit.push(() => outsideTransaction(hook));
}

/**
 * Reserves `key` for this participant of the shared transaction; a second participant that asks for it is restarted later. Rows
 * that a statement locks or writes are reserved without it. It avoids restarts: reserve everything that participants may
 * collide on, also keys without a row yet, before the first write, since a collision after a write restarts all of them.
 */
export function reserve(key: string): void {
  const state = open.getStore();
  if (!state) throw new Error('reserve outside a transaction');
  state.reserve?.(key);
}
