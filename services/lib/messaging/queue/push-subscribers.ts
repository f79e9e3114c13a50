import { runOutsideTransaction } from '../../db/transaction-context.ts';

/** The long polls of this process that wait for a push, by tenant. */
export class PushSubscribers {
  readonly #subscribers = new Map<string, Set<() => void>>();

  /** Resolves at the next wake of the tenant, after `ms`, or when the signal aborts. Never throws. */
  wait(tenant: string, ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return runOutsideTransaction(
      () =>
        new Promise((resolve) => {
          const end = () => {
            clearTimeout(timer);
            signal?.removeEventListener('abort', end);
            this.#unsubscribe(tenant, end);
            resolve();
          };
          const timer = setTimeout(end, ms);
          signal?.addEventListener('abort', end, { once: true });
          this.#subscribersOf(tenant).add(end);
        }),
    );
  }

  notify(tenant: string): void {
    for (const end of [...(this.#subscribers.get(tenant) ?? [])]) end();
  }

  /** Wakes all: pushes may have been missed, or the queue is closing. */
  notifyAll(): void {
    for (const tenant of [...this.#subscribers.keys()]) this.notify(tenant);
  }

  #subscribersOf(tenant: string): Set<() => void> {
    const existing = this.#subscribers.get(tenant);
    if (existing) return existing;
    const created = new Set<() => void>();
    this.#subscribers.set(tenant, created);
    return created;
  }

  #unsubscribe(tenant: string, end: () => void): void {
    const subscribers = this.#subscribers.get(tenant);
    subscribers?.delete(end);
    if (subscribers?.size === 0) this.#subscribers.delete(tenant);
  }
}
