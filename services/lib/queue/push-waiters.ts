import { outsideTransaction } from '../db/open-transaction.ts';

/** Those of this process who wait for a push, by tenant. */
export class PushWaiters {
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Resolves at the next wake of the tenant, after `ms`, or when the signal aborts. Never throws. */
  wait(tenant: string, ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return outsideTransaction(
      () =>
        new Promise((resolve) => {
          const end = () => {
            clearTimeout(timer);
            signal?.removeEventListener('abort', end);
            this.#forget(tenant, end);
            resolve();
          };
          const timer = setTimeout(end, ms);
          signal?.addEventListener('abort', end, { once: true });
          this.#of(tenant).add(end);
        }),
    );
  }

  wake(tenant: string): void {
    for (const end of [...(this.#waiting.get(tenant) ?? [])]) end();
  }

  /** For what may have been missed, and at the end. */
  wakeAll(): void {
    for (const tenant of [...this.#waiting.keys()]) this.wake(tenant);
  }

  #of(tenant: string): Set<() => void> {
    const known = this.#waiting.get(tenant);
    if (known) return known;
    const made = new Set<() => void>();
    this.#waiting.set(tenant, made);
    return made;
  }

  #forget(tenant: string, end: () => void): void {
    const waiting = this.#waiting.get(tenant);
    waiting?.delete(end);
    if (waiting?.size === 0) this.#waiting.delete(tenant);
  }
}
