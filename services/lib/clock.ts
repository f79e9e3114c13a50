/**
 * Where every piece of code gets the time from, so that tests can move it. What happened when is told by `now`; how long
 * something takes, or still lasts, is measured by `monotonic`. docs/architecture.md says which clock decides what.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch, by the wall clock: an operator or NTP may set it forward and back. */
  now(): number;
  /** Milliseconds since some point in this process's life. They only grow, and nobody sets them. */
  monotonic(): number;
}

/** The machine's clocks. */
export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };
