/**
 * The source of time for all code, so that tests can control it. `now` says when something happened; `monotonic` measures how
 * long something takes or still lasts. docs/architecture.md says which clock decides what.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch, by the wall clock: an operator or NTP may set it forward and back. */
  now(): number;
  /** Milliseconds since some point in this process's life. They only grow; setting the wall clock does not change them. */
  monotonic(): number;
}

/** The machine's clocks. */
export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };
