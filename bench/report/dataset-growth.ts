import type { MeasurementResult } from '../measurement-result.ts';
import { type Cell, formatRatio, table } from './table.ts';

/** An operation with few and with many stored sessions. */
export interface DatasetGrowth {
  readonly mode: string;
  readonly what: string;
  readonly few: MeasurementResult;
  readonly many: MeasurementResult;
  /** The ratio of CPU with many to CPU with few, without the load generator. */
  readonly cpuRatio: number;
  readonly p50Ratio: number;
}

/** Pairs the figures of (c): the same operation with the fewest and the most sessions. */
export function datasetGrowths(results: readonly MeasurementResult[]): DatasetGrowth[] {
  const groups = Map.groupBy(results, ({ mode, what }) => `${mode}\t${what.replace(/ beside \d+$/, '')}`);
  return [...groups].flatMap(([key, [few, ...others]]) => {
    const [mode = '', what = ''] = key.split('\t');
    const many = others.at(-1);
    if (!few || !many) return [];
    const cpuRatio = systemCpuMs(many) / systemCpuMs(few);
    return [{ mode, what, few, many, cpuRatio, p50Ratio: many.outcome.latency.p50 / few.outcome.latency.p50 }];
  });
}

/** CPU milliseconds per operation of the system and its servers. */
export function systemCpuMs({ cost }: MeasurementResult): number {
  return Object.entries(cost.cpuMs).reduce((sum, [name, ms]) => sum + (name === 'load generator' ? 0 : ms), 0);
}

/** The operations with their costs at both sizes. */
export function growthTable(all: readonly DatasetGrowth[]): string {
  const rows = all.map(({ mode, what, few, many, cpuRatio, p50Ratio }): Cell[] => [
    mode,
    what,
    systemCpuMs(few),
    systemCpuMs(many),
    formatRatio(cpuRatio),
    few.outcome.latency.p50,
    many.outcome.latency.p50,
    formatRatio(p50Ratio),
  ]);
  const headers = ['mode', 'what', 'CPU ms, few', 'CPU ms, many', 'ratio', 'p50 ms, few', 'p50 ms, many', 'ratio'];
  return table(headers, rows);
}
