/** At most so many; the oldest goes first. */
const MOST = 10_000;

/** Cached answers with a time limit, by the monotonic clock. */
export class Remembered {
  readonly #entries = new Map<string, { value: string; until: number }>();

  get(key: string, now: number): string | undefined {
    const entry = this.#entries.get(key);
    if (entry && entry.until > now) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  set(key: string, value: string, until: number): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, until });
    if (this.#entries.size <= MOST) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
