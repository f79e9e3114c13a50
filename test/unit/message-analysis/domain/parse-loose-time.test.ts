import { describe, expect, it } from 'vitest';
import { parseLooseTime, parseLooseUnixTime } from '../../../../services/message-analysis/domain/parse-loose-time.ts';

const read = (text: string) => {
  const time = parseLooseTime(text, 'Asia/Shanghai');
  return time && [new Date(time.ms).toISOString(), time.hasZone];
};

describe('a time as chat windows write it', () => {
  it.each([
    ['2026-11-30 19:40:05', '2026-11-30T11:40:05.000Z', false],
    ['2026-11-30 19:40', '2026-11-30T11:40:30.000Z', false],
    ['2026-11-30T19:40', '2026-11-30T11:40:30.000Z', false],
    ['2026/1/3 9:05', '2026-01-03T01:05:30.000Z', false],
    ['2026.01.03 09:05:07.25', '2026-01-03T01:05:07.250Z', false],
    ['2026年11月30日 19:40', '2026-11-30T11:40:30.000Z', false],
    ['2026年11月30日19时40分', '2026-11-30T11:40:30.000Z', false],
    ['2026年1月3日9时5分7秒', '2026-01-03T01:05:07.000Z', false],
    ['２０２６－１１－３０　１９：４０', '2026-11-30T11:40:30.000Z', false],
    ['2026-11-30T19:40+08:00', '2026-11-30T11:40:30.000Z', true],
    ['2026-11-30 19:40:05 +0800', '2026-11-30T11:40:05.000Z', true],
    ['2026-11-30 11:40:05 UTC', '2026-11-30T11:40:05.000Z', true],
    ['2026-11-30T11:40:05Z', '2026-11-30T11:40:05.000Z', true],
    ['1796038805', '2026-11-30T11:40:05.000Z', true],
    ['1796038805.5', '2026-11-30T11:40:05.500Z', true],
    ['1796038805123', '2026-11-30T11:40:05.123Z', true],
  ])('%s is read', (text, iso, zoned) => {
    expect(read(text)).toEqual([iso, zoned]);
  });

  it.each([
    '19:40',
    '昨天 19:40',
    '刚刚',
    '11-30 19:40',
    '30/11/2026 19:40',
    '2026-11-30',
    '2026-13-30 19:40',
    '2026-11-30 25:40',
    '2026-11-3019:40',
    '2026-11-30 7:40 PM',
    '1970-01-01 08:00:00',
    '20261130194005',
    '179603880',
    '-1796038805',
    '',
  ])('%s is not: it could mean several times, or none', (text) => {
    expect(read(text)).toBeUndefined();
  });

  it('of any length is read or refused at once', () => {
    expect(read('1'.repeat(1_000_000))).toBeUndefined();
    expect(read(`a${'\u0301\u0323'.repeat(2_000_000)}`)).toBeUndefined();
  });

  it('as a number below those of this century is none', () => {
    expect(parseLooseUnixTime(20_261_130)).toBeUndefined();
    expect(parseLooseUnixTime(-5)).toBeUndefined();
    expect(parseLooseUnixTime(1_796_038_805)?.ms).toBe(1_796_038_805_000);
  });
});
