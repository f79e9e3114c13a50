import type { Figure } from '../figure.ts';
import type { Run } from '../run.ts';
import { type Cell, table, times } from './table.ts';

/** What DESIGN section 5 allows the five calls of the main flow together. */
export const BUDGET = { hops: 8, statements: 30, commits: 9 };

/** Rates and latencies, with their ratios to each raw limit. */
export function rates(figures: readonly Figure[]): string {
  const rows = figures.map((figure): Cell[] => [
    figure.mode,
    figure.what,
    figure.inFlight,
    figure.perSecond,
    figure.outcome.latency.p50,
    figure.outcome.latency.p99,
    figure.outcome.refused,
    figure.outcome.failed,
    figure.limits.map(({ name, perSecond }) => `${times(figure.perSecond / perSecond)} ${name}`).join('; ') ||
      undefined,
  ]);
  return table(
    ['mode', 'what', 'in flight', 'per s', 'p50 ms', 'p99 ms', 'refused', 'failed', 'of the raw limit'],
    rows,
  );
}

/** How long an event takes to its clients, beside a message of the bare event log. */
export function deliveries(figures: readonly Figure[], limits: Run['limits']): string {
  const raw = limits.find(({ name }) => name.startsWith('JetStream'))?.outcome.latency;
  const rows = figures.map(({ mode, what, inFlight, outcome: { latency, failed } }): Cell[] => [
    mode,
    what,
    inFlight,
    latency.p50,
    latency.p99,
    latency.max,
    failed,
    raw && mode !== 'embedded' ? `${raw.p50.toFixed(2)} / ${raw.p99.toFixed(2)}` : undefined,
  ]);
  const headers = ['mode', 'what', 'streams', 'p50 ms', 'p99 ms', 'max ms', 'lost', 'JetStream p50 / p99 ms'];
  return table(headers, rows);
}

/** The steps of operations that have several. */
export function steps(figures: readonly Figure[]): string {
  const names = [...new Set(figures.flatMap(({ outcome }) => Object.keys(outcome.steps)))];
  const rows = figures.map((figure): Cell[] => [
    figure.mode,
    figure.inFlight,
    ...names.map((name) => {
      const step = figure.outcome.steps[name];
      return step && `${step.p50.toFixed(1)} / ${step.p99.toFixed(1)}`;
    }),
  ]);
  return table(['mode', 'in flight', ...names.map((name) => `${name} p50 / p99 ms`)], rows);
}

/** What an operation costs, by process. */
export function costs(figures: readonly Figure[]): string {
  const names = [...new Set(figures.flatMap(({ cost }) => Object.keys(cost.cpuMs)))];
  const rows = figures.map(({ mode, what, inFlight, cost }): Cell[] => [
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

/** Resident memory behind the last measurement of each mode. */
export function memory(figures: readonly Figure[]): string {
  const last = new Map(figures.map((figure) => [figure.mode, figure]));
  const rows = [...last.values()].flatMap(({ mode, cost }) =>
    Object.entries(cost.rssMb).map(([name, mb]): Cell[] => [mode, name, mb]),
  );
  return table(['mode', 'process', 'RSS MiB'], rows);
}

/** The main flow's statements, commits and hops beside what the design allows. */
export function budget(figures: readonly Figure[], recorded: number | undefined): string {
  const rows = figures.map(({ mode, inFlight, cost }): Cell[] => [
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

/** The raw limits themselves. */
export function rawLimits(limits: Run['limits']): string {
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
