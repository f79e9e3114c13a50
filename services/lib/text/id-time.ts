import { encodeTime } from 'ulid';

/** The text before which every id of an earlier millisecond sorts, and at or after which those of this and later ones do. */
export function firstIdAt(prefix: string, ms: number): string {
  return `${prefix}_${encodeTime(ms, ULID_TIME_LENGTH).toLowerCase()}`;
}

const ULID_TIME_LENGTH = 10;
