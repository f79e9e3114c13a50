/** Lets so many go on at once; the others wait in a row, which has an end too. */
export class Places {
  readonly #waiting: (() => void)[] = [];
  readonly #longestRow: number;
  #free: number;

  constructor(places: number, longestRow: number) {
    this.#free = places;
    this.#longestRow = longestRow;
  }

  /** Takes a place, to be given back by disposing it; undefined when the row is full. Throws when `signal` fires first. */
  async take(signal: AbortSignal): Promise<Disposable | undefined> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else if (this.#waiting.length >= this.#longestRow) return undefined;
    else await this.#wait(signal);
    return { [Symbol.dispose]: () => this.#giveBack() };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1);
        reject(signal.reason);
      };
      const turn = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      this.#waiting.push(turn);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  #giveBack(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free += 1;
  }
}
