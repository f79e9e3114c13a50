/** A value that is fetched again when it is older than `ms`; callers until then get the same answer. */
export class CachedValue<T> {
  readonly #ttlMs: number;
  readonly #fetch: () => Promise<T>;
  #value: Promise<T> | undefined;
  #fetchedAt = Number.NEGATIVE_INFINITY;

  constructor(ttlMs: number, fetch: () => Promise<T>) {
    this.#ttlMs = ttlMs;
    this.#fetch = fetch;
  }

  get(): Promise<T> {
    if (!this.#value || performance.now() - this.#fetchedAt >= this.#ttlMs) {
      this.#fetchedAt = performance.now();
      this.#value = this.#fetch();
    }
    return this.#value;
  }
}
