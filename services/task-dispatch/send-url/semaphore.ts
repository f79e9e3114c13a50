/** A semaphore with a bounded queue. Not p-limit, which cannot take an aborted call out of its queue. */
export class Semaphore {
  readonly #waiting: (() => void)[] = [];
  readonly #maxQueued: number;
  #free: number;

  constructor(permits: number, maxQueued: number) {
    this.#free = permits;
    this.#maxQueued = maxQueued;
  }

  /** Acquires a permit, which its disposal releases; undefined when the queue is full. Throws when `signal` aborts first. */
  async acquire(signal: AbortSignal): Promise<Disposable | undefined> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else if (this.#waiting.length >= this.#maxQueued) return undefined;
    else await this.#wait(signal);
    return { [Symbol.dispose]: () => this.#release() };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(grant), 1);
        reject(signal.reason);
      };
      const grant = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      this.#waiting.push(grant);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free += 1;
  }
}
