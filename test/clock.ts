import type { Clock } from '../services/lib/clock.ts';

/** A clock that the test controls. */
export class TestClock implements Clock {
  #passed = 0;
  #set = 0;

  now(): number {
    return Date.now() + this.#passed + this.#set;
  }

  monotonic(): number {
    return performance.now() + this.#passed;
  }

  advance(by: Span): void {
    this.#passed += msOf(by);
  }

  /** Sets the wall clock forward or, with a negative number, back; the monotonic clock does not change. */
  set(by: Span): void {
    this.#set += msOf(by);
  }
}

interface Span {
  readonly seconds?: number;
  readonly minutes?: number;
  readonly hours?: number;
}

function msOf({ seconds = 0, minutes = 0, hours = 0 }: Span): number {
  return seconds * 1_000 + minutes * 60_000 + hours * 3_600_000;
}
