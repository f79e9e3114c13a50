import type { Clock } from '../services/lib/clock.ts';

/** The machine's clock, moved forward by hand. */
export class TestClock implements Clock {
  #offset = 0;

  now(): number {
    return Date.now() + this.#offset;
  }

  /** Moves the time forward. */
  advance(by: { seconds?: number; minutes?: number; hours?: number }): void {
    this.#offset += (by.seconds ?? 0) * 1_000 + (by.minutes ?? 0) * 60_000 + (by.hours ?? 0) * 3_600_000;
  }
}
