import { describe, expect, it } from 'vitest';
import { parseTime, parseUnixTime } from '../../../../services/lib/text/parse-time.ts';

const SHANGHAI = 'Asia/Shanghai';
const iso = (text: string, zone = SHANGHAI) => {
  const ms = parseTime(text, zone);
  return ms === undefined ? undefined : new Date(ms).toISOString();
};

describe('parseTime', () => {
  it.each([
    ['2025-06-11T14:41:58Z', '2025-06-11T14:41:58.000Z'],
    ['2025-06-11t14:41:58z', '2025-06-11T14:41:58.000Z'],
    ['2025-06-11T14:41:58.1234Z', '2025-06-11T14:41:58.123Z'],
    ['2025-06-11T14:41:58+08:00', '2025-06-11T06:41:58.000Z'],
    ['2025-06-11 14:41:58-02:30', '2025-06-11T17:11:58.000Z'],
    ['2025-06-11 14:41:58', '2025-06-11T06:41:58.000Z'],
    ['2025-07-18T10:00:00', '2025-07-18T02:00:00.000Z'],
    ['2024-02-29T00:00:00', '2024-02-28T16:00:00.000Z'],
  ])('reads %s', (text, expected) => {
    expect(iso(text)).toBe(expected);
  });

  it.each([
    '',
    'never',
    '2025-06-11',
    '14:41:58',
    '2025-02-29 00:00:00',
    '2025-13-01 00:00:00',
    '2025-06-31 00:00:00',
    '2025-06-11 24:00:00',
    '2025-06-11 14:60:58',
    '2025-06-11T14:41:58+25:00',
    '2025/06/11 14:41:58',
    ' 2025-06-11 14:41:58',
    '2025-06-11 14:41:58 x',
  ])('refuses %j', (text) => {
    expect(parseTime(text, SHANGHAI)).toBeUndefined();
  });

  it.each([
    ['2025-01-15 12:00:00', '2025-01-15T17:00:00.000Z'],
    ['2025-07-15 12:00:00', '2025-07-15T16:00:00.000Z'],
    ['2025-03-09 01:59:59', '2025-03-09T06:59:59.000Z'],
    ['2025-03-09 02:30:00', '2025-03-09T07:30:00.000Z'], // skipped
    ['2025-03-09 03:00:00', '2025-03-09T07:00:00.000Z'],
    ['2025-11-02 01:30:00', '2025-11-02T05:30:00.000Z'], // twice: the first
    ['2025-11-02 02:00:00', '2025-11-02T07:00:00.000Z'],
  ])('reads %s across a change of clocks in New York', (text, expected) => {
    expect(iso(text, 'America/New_York')).toBe(expected);
  });

  it('reads a zone with a half hour, and UTC', () => {
    expect(iso('2025-06-11 14:41:58', 'Asia/Kolkata')).toBe('2025-06-11T09:11:58.000Z');
    expect(iso('2025-06-11 14:41:58', 'UTC')).toBe('2025-06-11T14:41:58.000Z');
  });
});

describe('unixTime', () => {
  it('tells seconds and milliseconds apart', () => {
    expect(parseUnixTime(1_763_605_000)).toBe(1_763_605_000_000);
    expect(parseUnixTime(1_763_605_000.25)).toBe(1_763_605_000_250);
    expect(parseUnixTime(1_763_605_000_250)).toBe(1_763_605_000_250);
    expect(parseUnixTime(Number.NaN)).toBeUndefined();
  });
});
