import type { BenchResult } from '../bench-result.ts';
import { systemCpuMs } from './dataset-growth.ts';
import { type Cell, formatRatio, table } from './table.ts';

/** The change of each figure since an earlier run: now divided by then. */
export function comparison(earlier: BenchResult, current: BenchResult): string {
  const before = new Map(earlier.figures.map((result) => [result.id, result]));
  const rows = current.figures.flatMap((result): Cell[][] => {
    const earlierResult = before.get(result.id);
    if (!earlierResult) return [];
    return [
      [
        result.id,
        earlierResult.perSecond,
        result.perSecond,
        formatRatio(result.perSecond / earlierResult.perSecond),
        formatRatio(result.outcome.latency.p99 / earlierResult.outcome.latency.p99),
        formatRatio(systemCpuMs(result) / systemCpuMs(earlierResult)),
      ],
    ];
  });
  const headers = ['what', 'per s then', 'per s now', 'rate', 'p99', 'CPU per operation'];
  return `### Now beside ${earlier.at.slice(0, 10)}\n\n${table(headers, rows)}`;
}
