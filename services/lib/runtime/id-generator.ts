import { randomFillSync } from 'node:crypto';
import { monotonicFactory } from 'ulid';
import type { Clock } from './clock.ts';

/** What an id names; it is the id's prefix. */
export type IdKind =
  | 'ses'
  | 'tsk'
  | 'hnd'
  | 'rem'
  | 'aud'
  | 'evt'
  | 'acc'
  | 'shp'
  | 'cnv'
  | 'req'
  | 'lea'
  | 'msg'
  | 'trn';

/** Where ids come from, so that tests can foretell them. */
export interface IdGenerator {
  /** A new id such as `ses_01jd…`: a lower-case ULID behind the prefix, so ids of one process sort by age. */
  next(kind: IdKind): string;
}

/** ULIDs from the clock and the machine's randomness. */
export function createUlidGenerator(clock: Clock): IdGenerator {
  const ulid = monotonicFactory(bufferedRandom());
  return { next: (kind) => `${kind}_${ulid(clock.now()).toLowerCase()}` };
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
