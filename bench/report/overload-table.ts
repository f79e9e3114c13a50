import type { OverloadReport } from '../scenarios/overload.ts';
import { type Cell, formatRatio, table } from './table.ts';

/** The results of the overload scenario. */
export function overloadTable(reports: readonly OverloadReport[]): string {
  const rows = reports.map((report): Cell[] => {
    const { during } = report;
    const { refused, late } = during.steps;
    return [
      report.mode,
      report.peakPerSecond,
      report.arrivalsPerSecond,
      report.goodputPerSecond,
      formatRatio(report.goodputPerSecond / report.peakPerSecond),
      during.refused,
      during.failed,
      `${during.latency.p50.toFixed(0)} / ${during.latency.p99.toFixed(0)}`,
      refused ? `${refused.p50.toFixed(1)} / ${refused.p99.toFixed(1)}` : undefined,
      late?.p99.toFixed(1),
      report.drainedMs,
      `${report.calmBefore.toFixed(1)} → ${report.calmAfter.toFixed(1)}`,
    ];
  });
  const headers = [
    ...['mode', 'peak per s', 'arrivals per s', 'goodput per s', 'of the peak', 'refused', 'failed'],
    ...[
      'served p50 / p99 ms',
      'refused p50 / p99 ms',
      'sent late p99 ms',
      'last answer after ms',
      'calm p50 ms before → after',
    ],
  ];
  return table(headers, rows);
}
