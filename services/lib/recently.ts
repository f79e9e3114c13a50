/**
 * What this process did lately, by key, the oldest forgotten first: so that the event which tells of it need not be looked
 * up. It is only ever right about what it has; what it lacks may have been done all the same.
 */
export class Recently<V> {
  readonly #values = new Map<string, V>();
  readonly #limit: number;

  constructor(limit = 10_000) {
    this.#limit = limit;
  }

  set(key: string, value: V): void {
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size <= this.#limit) return;
    const [oldest] = this.#values.keys();
    if (oldest !== undefined) this.#values.delete(oldest);
  }

  get(key: string): V | undefined {
    return this.#values.get(key);
  }
}
