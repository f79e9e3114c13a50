import { describe, expect, it } from 'vitest';
import { formatRecord, table, toSingleLine, truncate, widthOf } from '../../../cli/table.ts';

describe('a table', () => {
  it.each([
    ['abc', 3],
    ['店铺', 4],
    ['é', 1],
    ['ａ', 2],
    ['👩‍👩‍👧', 2],
    ['', 0],
  ])('knows that %s takes %i columns', (text, columns) => {
    expect(widthOf(text)).toBe(columns);
  });

  it('aligns its columns whatever the script', () => {
    const lines = table(
      ['SHOP', 'N'],
      [
        ['示例店铺', '1'],
        ['a', '2'],
      ],
      '',
    ).split('\n');
    const starts = lines.map((line) => widthOf(line.slice(0, line.search(/\S+$/))));
    expect(new Set(starts)).toEqual(new Set([10]));
  });

  it('says something when it has no rows', () => {
    expect(table(['A'], [], 'No tasks.')).toBe('No tasks.');
  });

  it('keeps a text on its line, and a terminal safe', () => {
    expect(toSingleLine('a\n b\t\u001b[31mc\r')).toBe('a b [31mc');
    expect(table(['A'], [['x\ny']], '')).toBe('A\nx y');
  });

  it('cuts what is too wide between two characters', () => {
    expect(truncate('您好吗', 6)).toBe('您好吗');
    expect(truncate('您好吗', 5)).toBe('您好…');
    expect(truncate('您好吗', 4)).toBe('您…');
  });

  it('leaves out what is not known of one thing', () => {
    expect(formatRecord({ a: 'x', long_name: 0, gone: null, empty: '', list: [1] })).toBe(
      'a          x\nlong_name  0\nlist       [1]',
    );
  });
});
