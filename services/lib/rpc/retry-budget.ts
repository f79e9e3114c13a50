/** Enough for the calls that are under way when an instance fails. */
const MAX_TOKENS = 100;
const TOKENS_PER_CALL = 0.1;

/** Limits retries to a tenth of the calls, so that an outage behind several services does not multiply the load. */
export class RetryBudget {
  #tokens = MAX_TOKENS;

  /** Call it for every call. */
  deposit(): void {
    this.#tokens = Math.min(MAX_TOKENS, this.#tokens + TOKENS_PER_CALL);
  }

  /** Whether one more retry is allowed; counts it. */
  tryWithdraw(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
