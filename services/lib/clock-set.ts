import type { Clock } from './clock.ts';

/** A smaller step is what NTP does all the time. */
const NOTICED_MS = 500;

/**
 * Notices that the wall clock was set. The function says whether it was since it was last called, in either direction: it may
 * have been set forward and further back in between. The first time it is always true: no process may have run meanwhile.
 */
export function clockSetDetector(clock: Clock): () => boolean {
  let ahead = Number.NaN;
  return () => {
    const before = ahead;
    ahead = clock.now() - clock.monotonic();
    return !(Math.abs(ahead - before) <= NOTICED_MS);
  };
}
