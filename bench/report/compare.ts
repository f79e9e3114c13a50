import type { Run } from '../run.ts';
import { cpuOf } from './stored.ts';
import { type Cell, table, times } from './table.ts';

/** How each figure changed since an earlier run: now divided by then. */
export function comparison(then: Run, now: Run): string {
  const before = new Map(then.figures.map((figure) => [figure.id, figure]));
  const rows = now.figures.flatMap((figure): Cell[][] => {
    const old = before.get(figure.id);
    if (!old) return [];
    return [
      [
        figure.id,
        old.perSecond,
        figure.perSecond,
        times(figure.perSecond / old.perSecond),
        times(figure.outcome.latency.p99 / old.outcome.latency.p99),
        times(cpuOf(figure) / cpuOf(old)),
      ],
    ];
  });
  const headers = ['what', 'per s then', 'per s now', 'rate', 'p99', 'CPU per operation'];
  return `### Now beside ${then.at.slice(0, 10)}\n\n${table(headers, rows)}`;
}
