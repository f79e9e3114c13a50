import type { BenchResult } from '../bench-result.ts';
import type { MeasurementResult } from '../measurement-result.ts';
import { type Cell, formatRatio, table } from './table.ts';

/** The budget of the five calls of the main flow together. */
export const BUDGET = { hops: 8, statements: 30, commits: 9 };

/** Rates and latencies, with the ratio to each raw limit. */
export function rateTable(results: readonly MeasurementResult[]): string {
  const rows = results.map((result): Cell[] => [
    result.mode,
    result.what,
    result.inFlight,
    result.perSecond,
    result.outcome.latency.p50,
    result.outcome.latency.p99,
    result.outcome.refused,
    result.outcome.failed,
    result.limits.map(({ name, perSecond }) => `${formatRatio(result.perSecond / perSecond)} ${name}`).join('; ') ||
      undefined,
  ]);
  return table(
    ['mode', 'what', 'in flight', 'per s', 'p50 ms', 'p99 ms', 'refused', 'failed', 'of the raw limit'],
    rows,
  );
}

/** The latency of events to clients, next to that of a message of the bare event log. */
export function deliveryTable(results: readonly MeasurementResult[], limits: BenchResult['limits']): string {
  const baseline = limits.find(({ name }) => name.startsWith('JetStream'))?.outcome.latency;
  const rows = results.map(({ mode, what, inFlight, outcome: { latency, failed } }): Cell[] => [
    mode,
    what,
    inFlight,
    latency.p50,
    latency.p99,
    latency.max,
    failed,
    baseline && mode !== 'embedded' ? `${baseline.p50.toFixed(2)} / ${baseline.p99.toFixed(2)}` : undefined,
  ]);
  const headers = ['mode', 'what', 'streams', 'p50 ms', 'p99 ms', 'max ms', 'lost', 'JetStream p50 / p99 ms'];
  return table(headers, rows);
}

/** The latency per step, for operations with several. */
export function stepTable(results: readonly MeasurementResult[]): string {
  const names = [...new Set(results.flatMap(({ outcome }) => Object.keys(outcome.steps)))];
  const rows = results.map((result): Cell[] => [
    result.mode,
    result.what,
    result.inFlight,
    ...names.map((name) => {
      const step = result.outcome.steps[name];
      return step && `${step.p50.toFixed(1)} / ${step.p99.toFixed(1)}`;
    }),
  ]);
  return table(['mode', 'what', 'in flight', ...names.map((name) => `${name} p50 / p99 ms`)], rows);
}

/** The cost of an operation, by process. */
export function costTable(results: readonly MeasurementResult[]): string {
  const names = [...new Set(results.flatMap(({ cost }) => Object.keys(cost.cpuMs)))];
  const rows = results.map(({ mode, what, inFlight, cost }): Cell[] => [
    mode,
    what,
    inFlight,
    ...names.map((name) => cost.cpuMs[name]),
    cost.statements,
    cost.commits,
    cost.hops,
  ]);
  const headers = [
    'mode',
    'what',
    'in flight',
    ...names.map((name) => `${name} CPU ms`),
    'statements',
    'commits',
    'hops',
  ];
  return table(headers, rows);
}

/** Resident memory after the last measurement of each mode. */
export function memoryTable(results: readonly MeasurementResult[]): string {
  const last = new Map(results.map((result) => [result.mode, result]));
  const rows = [...last.values()].flatMap(({ mode, cost }) =>
    Object.entries(cost.rssMb).map(([name, mb]): Cell[] => [mode, name, mb]),
  );
  return table(['mode', 'process', 'RSS MiB'], rows);
}

/** The main flow's statements, commits and hops next to the budget. */
export function budgetTable(results: readonly MeasurementResult[], recorded: number | undefined): string {
  const rows = results.map(({ mode, inFlight, cost }): Cell[] => [
    mode,
    inFlight,
    cost.hops,
    cost.statements,
    cost.commits,
    mode === 'embedded' ? undefined : recorded,
  ]);
  const limits: Cell[] = ['**budget**', '', BUDGET.hops, BUDGET.statements, BUDGET.commits, undefined];
  const headers = ['mode', 'in flight', 'hops', 'statements', 'commits', 'requests to MariaDB in the five calls alone'];
  return table(headers, [...rows, limits]);
}

/** The raw limits. */
export function baselineTable(limits: BenchResult['limits']): string {
  const rows = limits.map(({ name, inFlight, perSecond, outcome }): Cell[] => [
    name,
    inFlight,
    perSecond,
    outcome.latency.p50,
    outcome.latency.p99,
    outcome.failed,
  ]);
  return table(['raw limit', 'in flight', 'per s', 'p50 ms', 'p99 ms', 'failed'], rows);
}
