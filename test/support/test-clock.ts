import type { Clock } from '../../services/lib/runtime/clock.ts';

/** A clock that the test controls. */
export class TestClock implements Clock {
  #advancedMs = 0;
  #wallOffsetMs = 0;

  now(): number {
    return Date.now() + this.#advancedMs + this.#wallOffsetMs;
  }

  monotonic(): number {
    return performance.now() + this.#advancedMs;
  }

  advance(duration: Duration): void {
    this.#advancedMs += toMs(duration);
  }

  /** Sets the wall clock forward or, with a negative number, back; the monotonic clock does not change. */
  set(duration: Duration): void {
    this.#wallOffsetMs += toMs(duration);
  }
}

interface Duration {
  readonly seconds?: number;
  readonly minutes?: number;
  readonly hours?: number;
}

function toMs({ seconds = 0, minutes = 0, hours = 0 }: Duration): number {
  return seconds * 1_000 + minutes * 60_000 + hours * 3_600_000;
}
