/** Enough for what is under way when an instance dies. */
const MOST = 100;
const PER_CALL = 0.1;

/** Bounds repeats to a tenth of the calls, so that an outage behind several hops does not multiply the load. */
export class RepeatBudget {
  #left = MOST;

  /** To be told of every call. */
  called(): void {
    this.#left = Math.min(MOST, this.#left + PER_CALL);
  }

  /** Whether one more repeat may be made; counts it. */
  take(): boolean {
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
