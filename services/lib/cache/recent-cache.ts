/**
 * What this process did lately, by key: so that the event which tells of it need not be looked up. It is only ever right
 * about what it has; what it lacks may have been done all the same.
 */
export class RecentCache<V> {
  // two generations, of which the older is forgotten as a whole: the first key of a Map from which many were taken is slow to find
  #newer = new Map<string, V>();
  #older = new Map<string, V>();
  readonly #generationSize: number;

  /** Remembers the last `limit` / 2 at least, and `limit` at most. */
  constructor(maxSize = 10_000) {
    this.#generationSize = Math.ceil(maxSize / 2);
  }

  set(key: string, value: V): void {
    if (this.#newer.size >= this.#generationSize && !this.#newer.has(key)) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(key, value);
  }

  get(key: string): V | undefined {
    return this.#newer.get(key) ?? this.#older.get(key);
  }
}
