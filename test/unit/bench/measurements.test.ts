import { describe, expect, it } from 'vitest';
import { fillTemplate, toScript } from '../../../bench/baseline/sql-script.ts';
import { quantiles } from '../../../bench/load-generator/samples.ts';
import { sumMetric } from '../../../bench/measure/counters.ts';
import { formatCell, table } from '../../../bench/report/table.ts';

const id = (prefix: string, letter: string) => `${prefix}_${letter.repeat(26)}`;

describe('the figures of the benchmark', () => {
  it('are quantiles of what was measured', () => {
    const all = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(quantiles(all)).toEqual({ count: 100, p50: 51, p99: 100, max: 100 });
    expect(quantiles([])).toEqual({ count: 0, p50: 0, p99: 0, max: 0 });
  });

  it('sum a counter over its labels, and no other counter', () => {
    const text = '# HELP a_total x\na_total{label="x y"} 3\na_total{label="z"} 4\na_total_more 100\nb 9\n';
    expect(sumMetric(text, 'a_total')).toBe(7);
    expect(sumMetric(text, 'b')).toBe(9);
  });

  it('are shown with the digits that count', () => {
    expect([3, 1.234, 12.34, 123.4, undefined, Number.NaN].map(formatCell)).toEqual([
      '3',
      '1.23',
      '12.3',
      '123',
      '–',
      '–',
    ]);
    expect(table(['name', 'n'], [['x', 1]])).toBe('| name | n |\n| --- | ---: |\n| x | 1 |');
  });
});

describe('recorded statements', () => {
  const [session, task] = [id('ses', 'a'), id('tsk', 'b')];
  const script = toScript([`insert ${session}, ${task}`, `select '${session}' where hash = '${'0'.repeat(64)}'`]);
  const replay = (salt: string) => script.requests.map((request) => fillTemplate(request, salt.padEnd(23, '0')));

  it('keep their ids apart and together', () => {
    const [insert = '', select = ''] = replay('one');
    const [, first, second] = /insert (ses_\w{26}), (tsk_\w{26})/.exec(insert) ?? [];
    expect(first?.slice(4)).not.toBe(second?.slice(4));
    expect(select).toContain(`'${first}'`);
    expect(select).not.toContain('0'.repeat(64));
  });

  it('share no id with another replay', () => {
    const ids = (texts: string[]) => texts.join().match(/_\w{26}/g) ?? [];
    const others = new Set(ids(replay('two')));
    expect(ids(replay('one')).filter((each) => others.has(each))).toEqual([]);
  });
});
