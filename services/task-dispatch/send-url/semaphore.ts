/** Lets so many go on at once; the others wait in a row, which has an end too. */
export class Semaphore {
  readonly #waiting: (() => void)[] = [];
  readonly #maxQueued: number;
  #free: number;

  constructor(permits: number, maxQueued: number) {
    this.#free = permits;
    this.#maxQueued = maxQueued;
  }

  /** Takes a place, to be given back by disposing it; undefined when the row is full. Throws when `signal` fires first. */
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
