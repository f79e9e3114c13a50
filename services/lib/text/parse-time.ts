import { LRUCache } from 'lru-cache';

/** Date, `T` or space, time, fraction, zone; the zone may be absent. */
export const TIME_PATTERN =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:([Zz])|([+-])(\d{2}):(\d{2}))?$/;
/** Offsets are looked up per quarter of an hour, the finest step that zones change at. */
const OFFSET_STEP_MS = 900_000;
const MAX_CACHED_OFFSETS = 10_000;
/** Numbers below this are seconds: as milliseconds they would lie before March 1973. */
const MAX_UNIX_SECONDS = 1e11;

/**
 * The epoch milliseconds of an RFC 3339 time, or of one without zone (`2025-06-11 14:41:58`, `2025-07-18T10:00:00`), which
 * is then read in `timezone` (an IANA name). Undefined when the text is neither, or no such time exists in the calendar.
 * A wall time that a change of clocks skips or repeats is read with the offset before the change.
 */
export function parseTime(text: string, timezone: string): number | undefined {
  const match = TIME_PATTERN.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second, fraction, utc, sign, zoneHour, zoneMinute] = match;
  const date = calendarDate(Number(year), Number(month), Number(day));
  if (date === undefined || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const millis = Number((fraction ?? '').padEnd(3, '0').slice(0, 3));
  const wall = date + ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1_000 + millis;
  if (utc) return wall;
  if (!sign) return fromWallTime(wall, timezone);
  if (Number(zoneHour) > 23 || Number(zoneMinute) > 59) return undefined;
  const offset = (Number(zoneHour) * 60 + Number(zoneMinute)) * 60_000;
  return sign === '+' ? wall - offset : wall + offset;
}

/** The epoch milliseconds of a Unix time in seconds or milliseconds, told apart by size; undefined when it is no number. */
export function parseUnixTime(value: number): number | undefined {
  if (!Number.isFinite(value)) return undefined;
  return Math.round(Math.abs(value) < MAX_UNIX_SECONDS ? value * 1_000 : value);
}

/** Midnight UTC of a date; undefined when the calendar has no such date. */
function calendarDate(year: number, month: number, day: number): number | undefined {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day); // Date.UTC would read the years 0 to 99 as 1900 to 1999
  const same = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return same ? date.getTime() : undefined;
}

function fromWallTime(wall: number, timezone: string): number {
  const before = zoneOffsetMs(wall - 86_400_000, timezone);
  const guess = wall - before;
  const there = zoneOffsetMs(guess, timezone);
  // the clocks changed within the last day: try the new offset, and keep the old one when the wall time was skipped
  return there === before || zoneOffsetMs(wall - there, timezone) !== there ? guess : wall - there;
}

const offsets = new LRUCache<string, number>({ max: MAX_CACHED_OFFSETS });
const formats = new Map<string, Intl.DateTimeFormat>();

/** How far the zone's clocks are ahead of UTC at an instant, in milliseconds. */
export function zoneOffsetMs(ms: number, timezone: string): number {
  const step = Math.floor(ms / OFFSET_STEP_MS);
  const key = `${timezone} ${step}`;
  let offset = offsets.get(key);
  if (offset === undefined) {
    offset = computeOffset(step * OFFSET_STEP_MS, timezone);
    offsets.set(key, offset);
  }
  return offset;
}

function computeOffset(ms: number, timezone: string): number {
  let format = formats.get(timezone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', { timeZone: timezone, timeZoneName: 'longOffset' });
    formats.set(timezone, format);
  }
  const name = format.formatToParts(ms).find((part) => part.type === 'timeZoneName')?.value ?? '';
  const match = /GMT([+-])(\d{2}):(\d{2})(?::(\d{2}))?/.exec(name); // plain GMT is UTC itself
  if (!match) return 0;
  const [, sign, hours, minutes, seconds] = match;
  const size = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds ?? 0)) * 1_000;
  return sign === '-' ? -size : size;
}
