/** After this many consecutive failures the server counts as down. */
const FAILURE_THRESHOLD = 5;
const OPEN_MS = 5_000;

/** A circuit breaker, by the monotonic clock: after consecutive failures only one request per 5 s is sent to the server. */
export class CircuitBreaker {
  #failures = 0;
  #openUntil = 0;

  /** Whether a request may be sent now. A probe of a server that was down counts as sent. */
  allowRequest(now: number): boolean {
    if (this.#failures < FAILURE_THRESHOLD) return true;
    if (now < this.#openUntil) return false;
    this.#openUntil = now + OPEN_MS;
    return true;
  }

  recordSuccess(): void {
    this.#failures = 0;
  }

  recordFailure(now: number): void {
    this.#failures += 1;
    if (this.#failures >= FAILURE_THRESHOLD) this.#openUntil = now + OPEN_MS;
  }

  /** Milliseconds until a request may be sent; 0 for now. */
  retryAfterMs(now: number): number {
    return this.#failures < FAILURE_THRESHOLD ? 0 : Math.max(0, this.#openUntil - now);
  }
}
