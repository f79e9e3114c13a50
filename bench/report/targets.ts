import type { BenchResult } from '../bench-result.ts';
import type { MeasurementResult, TargetResult } from '../measurement-result.ts';
import { datasetGrowths } from './dataset-growth.ts';
import { table } from './table.ts';

const MIN_FLOWS_PER_SECOND = 150;
const MIN_BASELINE_RATIO = 0.5;
const SSE_STREAMS = 1_000;
const MAX_SSE_P99_MS = 50;
const MAX_CPU_GROWTH = 1.3;
const MAX_START_MS = 2_000;
const MIN_GOODPUT_RATIO = 0.8;
/** At most one second in the queue, and the work itself. */
const MAX_SERVED_MS = 2_000;

type UnjudgedResult = Omit<BenchResult, 'targets'>;

/** The targets, and whether this run reached them. */
export function evaluateTargets(result: UnjudgedResult): TargetResult[] {
  return [
    evaluateFlows(result),
    evaluateCreate(result),
    evaluateClaim(result),
    evaluateStream(result),
    evaluateGrowth(result),
    ...evaluateGoodput(result),
    evaluateStart(result),
  ];
}

export function targetTable(targets: readonly TargetResult[]): string {
  const verdict = (ok: boolean | undefined) => (ok === undefined ? 'not measured' : ok ? 'yes' : '**no**');
  return table(
    ['target', 'reached', 'ok?'],
    targets.map(({ target, reached, ok }) => [target, reached, verdict(ok)]),
  );
}

function evaluateFlows({ figures }: UnjudgedResult): TargetResult {
  const all = figures.filter(({ section, mode }) => section === 'a' && mode === 'single-process');
  const best = all.reduce<MeasurementResult | undefined>(
    (a, b) => (a && a.perSecond >= b.perSecond ? a : b),
    undefined,
  );
  const reached = best ? `${best.perSecond.toFixed(0)} at ${best.inFlight} in flight` : '–';
  return {
    target: `main flow: ${MIN_FLOWS_PER_SECOND} flows/s in one process on the servers`,
    reached,
    ok: best && best.perSecond >= MIN_FLOWS_PER_SECOND,
  };
}

function evaluateCreate({ figures }: UnjudgedResult): TargetResult {
  return ratioToBaseline(
    figures,
    'create',
    'SQL of create',
    `create: ${MIN_BASELINE_RATIO} × its SQL statements without the system, 16 in flight`,
  );
}

function evaluateClaim({ figures }: UnjudgedResult): TargetResult {
  return ratioToBaseline(
    figures,
    'claim+complete',
    'BullMQ',
    `claim+complete: ${MIN_BASELINE_RATIO} × BullMQ add→done, 32 in flight`,
  );
}

function ratioToBaseline(
  figures: readonly MeasurementResult[],
  what: string,
  limit: string,
  target: string,
): TargetResult {
  const measurement = figures.find(
    (each) => each.section === 'b' && each.mode === 'single-process' && each.what === what,
  );
  const baseline = measurement?.limits.find(({ name }) => name.startsWith(limit));
  if (!measurement || !baseline) return { target, reached: '–' };
  const ratio = measurement.perSecond / baseline.perSecond;
  const reached = `${ratio.toFixed(2)} × (${measurement.perSecond.toFixed(0)} of ${baseline.perSecond.toFixed(0)} per s)`;
  return { target, reached, ok: ratio >= MIN_BASELINE_RATIO };
}

function evaluateStream({ figures }: UnjudgedResult): TargetResult {
  const target = `commit → SSE: p99 ≤ ${MAX_SSE_P99_MS} ms at ${SSE_STREAMS} streams, one process on the servers`;
  const measurement = figures.find(
    (each) => each.mode === 'single-process' && each.what === 'SSE streams' && each.inFlight === SSE_STREAMS,
  );
  if (!measurement) return { target, reached: '–' };
  const { p99 } = measurement.outcome.latency;
  return { target, reached: `${p99.toFixed(1)} ms`, ok: p99 <= MAX_SSE_P99_MS && measurement.outcome.failed === 0 };
}

function evaluateGrowth({ figures }: UnjudgedResult): TargetResult {
  const target = `CPU per operation with many stored sessions: ≤ ${MAX_CPU_GROWTH} × that with few`;
  const all = datasetGrowths(figures.filter(({ section }) => section === 'c'));
  const worst = all.reduce<(typeof all)[number] | undefined>(
    (a, b) => (a && a.cpuRatio >= b.cpuRatio ? a : b),
    undefined,
  );
  if (!worst) return { target, reached: '–' };
  return {
    target,
    reached: `at most ${worst.cpuRatio.toFixed(2)} × (${worst.what})`,
    ok: worst.cpuRatio <= MAX_CPU_GROWTH,
  };
}

function evaluateGoodput({ overload }: UnjudgedResult): TargetResult[] {
  return overload.map(({ mode, goodputPerSecond, peakPerSecond, during }) => {
    const ratio = goodputPerSecond / peakPerSecond;
    return {
      target: `overload: goodput ≥ ${MIN_GOODPUT_RATIO} × the peak, served within ${MAX_SERVED_MS / 1_000} s, the rest refused (${mode})`,
      reached: `${ratio.toFixed(2)} ×, p99 ${during.latency.p99.toFixed(0)} ms, ${during.refused} refused, ${during.failed} failed`,
      ok: ratio >= MIN_GOODPUT_RATIO && during.failed === 0 && during.latency.p99 <= MAX_SERVED_MS,
    };
  });
}

function evaluateStart({ startMs }: UnjudgedResult): TargetResult {
  const target = `npm start to the first answer: ≤ ${MAX_START_MS / 1_000} s`;
  return startMs === undefined
    ? { target, reached: '–' }
    : { target, reached: `${(startMs / 1_000).toFixed(2)} s`, ok: startMs <= MAX_START_MS };
}
