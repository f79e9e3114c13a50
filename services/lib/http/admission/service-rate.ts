/** Fewer steps would say more of chance than of pace. */
const MIN_SAMPLES = 16;

/**
 * How fast a line moves: the time that a step of it takes, over the last round of steps (as many as there are places), or over the
 * last while if that is shorter. Those who began together end together and let as many in at once, so that less than a round would
 * say too much or too little. It is known while somebody waits; a line that is empty says nothing.
 */
export class ServiceRate {
  /** Steps of a round. */
  readonly #maxSamples: number;
  readonly #windowMs: number;
  /** When the wait began, or the newest step that is too old to count, and each step since. */
  #times: number[] = [];

  constructor(maxConcurrent: number, windowMs: number) {
    this.#maxSamples = Math.max(MIN_SAMPLES, maxConcurrent);
    this.#windowMs = windowMs;
  }

  /** Somebody begins to wait. */
  queueStarted(now: number): void {
    this.#times = [now];
  }

  /** Nobody waits any more. */
  queueEmptied(): void {
    this.#times = [];
  }

  /** The first in the line is begun with. */
  recordStart(now: number): void {
    if (this.#times.length === 0) return;
    this.#times.push(now);
    while (this.#times.length > this.#maxSamples + 1 || now - (this.#times[1] ?? now) > this.#windowMs)
      this.#times.shift();
  }

  /** Milliseconds per step; undefined before there was a round, or a while with a step in it. */
  msPerRequest(now: number): number | undefined {
    const [first = now] = this.#times;
    const samples = this.#times.length - 1;
    const isKnown = samples >= this.#maxSamples || (samples > 0 && now - first >= this.#windowMs);
    return isKnown ? (now - first) / samples : undefined;
  }
}
