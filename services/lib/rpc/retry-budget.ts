/** Enough for what is under way when an instance dies. */
const MAX_TOKENS = 100;
const TOKENS_PER_CALL = 0.1;

/** Bounds repeats to a tenth of the calls, so that an outage behind several hops does not multiply the load. */
export class RetryBudget {
  #tokens = MAX_TOKENS;

  /** To be told of every call. */
  deposit(): void {
    this.#tokens = Math.min(MAX_TOKENS, this.#tokens + TOKENS_PER_CALL);
  }

  /** Whether one more repeat may be made; counts it. */
  tryWithdraw(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
