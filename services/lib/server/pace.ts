/** Fewer steps would say more of chance than of pace. */
const LEAST_STEPS = 16;

/**
 * How fast a line moves: the time that a step of it takes, over the last round of steps (as many as there are places), or over the
 * last while if that is shorter. Those who began together end together and let as many in at once, so that less than a round would
 * say too much or too little. It is known while somebody waits; a line that is empty says nothing.
 */
export class Pace {
  /** Steps of a round. */
  readonly #round: number;
  readonly #whileMs: number;
  /** When the wait began, or the newest step that is too old to count, and each step since. */
  #times: number[] = [];

  constructor(atOnce: number, whileMs: number) {
    this.#round = Math.max(LEAST_STEPS, atOnce);
    this.#whileMs = whileMs;
  }

  /** Somebody begins to wait. */
  begin(now: number): void {
    this.#times = [now];
  }

  /** Nobody waits any more. */
  end(): void {
    this.#times = [];
  }

  /** The first in the line is begun with. */
  step(now: number): void {
    if (this.#times.length === 0) return;
    this.#times.push(now);
    while (this.#times.length > this.#round + 1 || now - (this.#times[1] ?? now) > this.#whileMs) this.#times.shift();
  }

  /** Milliseconds per step; undefined before there was a round, or a while with a step in it. */
  at(now: number): number | undefined {
    const [first = now] = this.#times;
    const steps = this.#times.length - 1;
    const isKnown = steps >= this.#round || (steps > 0 && now - first >= this.#whileMs);
    return isKnown ? (now - first) / steps : undefined;
  }
}
