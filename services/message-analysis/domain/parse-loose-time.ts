import { parseTime, parseUnixTime } from '../../lib/text/parse-time.ts';

/** A time as a person or a program wrote it. */
export interface ParsedLooseTime {
  readonly ms: number;
  /** Whether it names its time zone, or needs none. */
  readonly hasZone: boolean;
}

/** Year to minute with the separators that chat windows use, then seconds, fraction and zone, which are all optional. */
const WALL_TIME =
  /^(\d{4})(?:[-/.]|年)(\d{1,2})(?:[-/.]|月)(\d{1,2})(?:日\s*|\s*[Tt]\s*|\s+)(\d{1,2})[:时](\d{1,2})(?:(?:[:分](\d{1,2})(?:[.,](\d{1,9}))?秒?)|分)?\s*([Zz]|UTC|GMT|[+-]\d{2}:?\d{2})?$/;
/** Seconds of 2001 and later, or milliseconds. */
const UNIX_TIME = /^(?:\d{10}(?:\.\d{1,9})?|\d{13})$/;
/** The longest time that is parsed, with blanks around it: longer texts would be normalized for nothing. */
const MAX_LENGTH = 200;
/** A time without seconds is read as the middle of its minute. */
const DEFAULT_SECONDS = '30';
/** Earlier times are not message times: they are zero values of some epoch, or other numbers. */
const MIN_TIME_MS = Date.UTC(2000, 0, 1);

/**
 * Parses a time in any unambiguous form: what parseTime() accepts, also without seconds, with other separators or with single
 * digits, and Unix seconds or milliseconds. Undefined for anything else and for times before 2000.
 */
export function parseLooseTime(text: string, timezone: string): ParsedLooseTime | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const plain = text.normalize('NFKC').trim();
  if (UNIX_TIME.test(plain)) return parseLooseUnixTime(Number(plain));
  const match = WALL_TIME.exec(plain);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second = DEFAULT_SECONDS, fraction, zone] = match;
  const two = (digits = '') => digits.padStart(2, '0');
  const time = `${two(hour)}:${two(minute)}:${two(second)}${fraction ? `.${fraction}` : ''}`;
  const ms = parseTime(`${year}-${two(month)}-${two(day)}T${time}${rfcZone(zone)}`, timezone);
  return ms === undefined || ms < MIN_TIME_MS ? undefined : { ms, hasZone: zone !== undefined };
}

/** The same for a number of seconds or milliseconds. */
export function parseLooseUnixTime(value: number): ParsedLooseTime | undefined {
  const ms = parseUnixTime(value);
  return ms === undefined || ms < MIN_TIME_MS ? undefined : { ms, hasZone: true };
}

function rfcZone(zone: string | undefined): string {
  if (!zone) return '';
  return /^[+-]/.test(zone) ? `${zone.slice(0, 3)}:${zone.slice(-2)}` : 'Z';
}
