import type { Clock } from '../../lib/runtime/clock.ts';

/** NTP regularly makes smaller steps. */
const MIN_CLOCK_CHANGE_MS = 500;

/**
 * Detects that the wall clock was set. The function returns whether it was set since the last call, in either direction: it may
 * have been set forward and further back in between. The first call always returns true, because no process may have been
 * running before.
 */
export function clockSetDetector(clock: Clock): () => boolean {
  let offset = Number.NaN;
  return () => {
    const previous = offset;
    offset = clock.now() - clock.monotonic();
    return !(Math.abs(offset - previous) <= MIN_CLOCK_CHANGE_MS);
  };
}
