/** When it is full the oldest entry is removed. */
const MAX_ENTRIES = 10_000;

/** A cache whose entries expire, by the monotonic clock. */
export class TtlCache {
  readonly #entries = new Map<string, { value: string; until: number }>();

  get(key: string, now: number): string | undefined {
    const entry = this.#entries.get(key);
    if (entry && entry.until > now) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  set(key: string, value: string, expiresAt: number): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, until: expiresAt });
    if (this.#entries.size <= MAX_ENTRIES) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
