import { randomFillSync } from 'node:crypto';
import { monotonicFactory } from 'ulid';
import type { Clock } from './clock.ts';

/** Where ids come from, so that tests can foretell them. A service names the prefixes of its own ids, so that the compiler checks them. */
export interface IdGenerator<Prefix extends string = KernelIdPrefix> {
  /** A new id such as `ses_01jd…`: a lower-case ULID behind the prefix, so ids of one process sort by age. */
  next(prefix: Prefix): string;
}

/** The prefixes of the ids that the kernel makes: of events and requests. */
export type KernelIdPrefix = 'evt' | 'req';

/** ULIDs from the clock and the machine's randomness. */
export function createUlidGenerator(clock: Clock): IdGenerator<string> {
  const ulid = monotonicFactory(bufferedRandom());
  return { next: (prefix) => `${prefix}_${ulid(clock.now()).toLowerCase()}` };
}

/** The machine's randomness as fractions of 1 in steps of 1/256, fetched in bulk: an id takes sixteen of them. */
function bufferedRandom(): () => number {
  const bytes = new Uint8Array(4_096);
  let next = bytes.length;
  return () => {
    if (next === bytes.length) {
      randomFillSync(bytes);
      next = 0;
    }
    return bytes[next++]! / 256;
  };
}
