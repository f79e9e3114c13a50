/** With fewer samples the estimate would be mostly chance. */
const MIN_SAMPLES = 16;

/**
 * How fast a queue moves: the mean time between two starts, over the last `maxConcurrent` starts or over the last `windowMs`,
 * whichever is shorter. Requests that started together end together, and as many start at once then: fewer samples than
 * `maxConcurrent` would be too high or too low. Known only while requests are queued.
 */
export class ServiceRate {
  /** The number of starts that are averaged. */
  readonly #maxSamples: number;
  readonly #windowMs: number;
  /** When the queue began or the newest start that is too old to count, then each later start. */
  #times: number[] = [];

  constructor(maxConcurrent: number, windowMs: number) {
    this.#maxSamples = Math.max(MIN_SAMPLES, maxConcurrent);
    this.#windowMs = windowMs;
  }

  queueStarted(now: number): void {
    this.#times = [now];
  }

  queueEmptied(): void {
    this.#times = [];
  }

  /** The oldest queued request was started. */
  recordStart(now: number): void {
    if (this.#times.length === 0) return;
    this.#times.push(now);
    while (this.#times.length > this.#maxSamples + 1 || now - (this.#times[1] ?? now) > this.#windowMs)
      this.#times.shift();
  }

  /** Milliseconds per start; undefined until there are enough starts, or one within a full window. */
  msPerRequest(now: number): number | undefined {
    const [first = now] = this.#times;
    const samples = this.#times.length - 1;
    const isKnown = samples >= this.#maxSamples || (samples > 0 && now - first >= this.#windowMs);
    return isKnown ? (now - first) / samples : undefined;
  }
}
