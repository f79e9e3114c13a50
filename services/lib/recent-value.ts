/** A value that is fetched again when it is older than `ms`; callers until then get the same answer. */
export class RecentValue<T> {
  readonly #ms: number;
  readonly #ask: () => Promise<T>;
  #value: Promise<T> | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(ms: number, ask: () => Promise<T>) {
    this.#ms = ms;
    this.#ask = ask;
  }

  get(): Promise<T> {
    if (!this.#value || performance.now() - this.#askedAt >= this.#ms) {
      this.#askedAt = performance.now();
      this.#value = this.#ask();
    }
    return this.#value;
  }
}
