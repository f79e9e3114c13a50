/** So many failures in a row mean that the other side is down, not a request. */
const MOST_FAILURES = 5;
const OPEN_MS = 5_000;

/** A circuit breaker, by the monotonic clock: after failures in a row only one request per 5 s is sent to the server. */
export class Breaker {
  #failures = 0;
  #openUntil = 0;

  /** Whether a request may go out now; the one that tries whether the other side is back counts as gone out. */
  mayTry(now: number): boolean {
    if (this.#failures < MOST_FAILURES) return true;
    if (now < this.#openUntil) return false;
    this.#openUntil = now + OPEN_MS;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  failed(now: number): void {
    this.#failures += 1;
    if (this.#failures >= MOST_FAILURES) this.#openUntil = now + OPEN_MS;
  }

  /** Milliseconds until a request may go out; 0 when one may now. */
  closedIn(now: number): number {
    return this.#failures < MOST_FAILURES ? 0 : Math.max(0, this.#openUntil - now);
  }
}
