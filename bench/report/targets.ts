import type { Figure, Target } from '../figure.ts';
import type { Run } from '../run.ts';
import { growths } from './stored.ts';
import { table } from './table.ts';

const FLOWS = 150;
const OF_RAW = 0.5;
const SSE_STREAMS = 1_000;
const SSE_P99_MS = 50;
const GROWTH = 1.3;
const START_MS = 2_000;
const GOODPUT = 0.8;
/** A second in the line at most, and the work itself. */
const SERVED_MS = 2_000;

type Found = Omit<Run, 'targets'>;

/** What the system has to reach, and whether this run saw it do so. */
export function targetsOf(run: Found): Target[] {
  return [flows(run), create(run), claim(run), stream(run), growth(run), ...goodput(run), start(run)];
}

export function targetTable(targets: readonly Target[]): string {
  const verdict = (ok: boolean | undefined) => (ok === undefined ? 'not measured' : ok ? 'yes' : '**no**');
  return table(
    ['target', 'reached', 'ok?'],
    targets.map(({ target, reached, ok }) => [target, reached, verdict(ok)]),
  );
}

function flows({ figures }: Found): Target {
  const all = figures.filter(({ section, mode }) => section === 'a' && mode === 'one');
  const best = all.reduce<Figure | undefined>((a, b) => (a && a.perSecond >= b.perSecond ? a : b), undefined);
  const reached = best ? `${best.perSecond.toFixed(0)} at ${best.inFlight} in flight` : '–';
  return {
    target: `main flow: ${FLOWS} flows/s in one process on the servers`,
    reached,
    ok: best && best.perSecond >= FLOWS,
  };
}

function create({ figures }: Found): Target {
  return ofLimit(
    figures,
    'create',
    'SQL of create',
    `create: ${OF_RAW} × its own SQL statements without the system, 16 in flight`,
  );
}

function claim({ figures }: Found): Target {
  return ofLimit(figures, 'claim+complete', 'BullMQ', `claim+complete: ${OF_RAW} × BullMQ add→done, 32 in flight`);
}

function ofLimit(figures: readonly Figure[], what: string, limit: string, target: string): Target {
  const figure = figures.find((each) => each.section === 'b' && each.mode === 'one' && each.what === what);
  const raw = figure?.limits.find(({ name }) => name.startsWith(limit));
  if (!figure || !raw) return { target, reached: '–' };
  const ratio = figure.perSecond / raw.perSecond;
  const reached = `${ratio.toFixed(2)} × (${figure.perSecond.toFixed(0)} of ${raw.perSecond.toFixed(0)} per s)`;
  return { target, reached, ok: ratio >= OF_RAW };
}

function stream({ figures }: Found): Target {
  const target = `commit → SSE: p99 ≤ ${SSE_P99_MS} ms at ${SSE_STREAMS} streams, one process on the servers`;
  const figure = figures.find(
    (each) => each.mode === 'one' && each.what === 'SSE streams' && each.inFlight === SSE_STREAMS,
  );
  if (!figure) return { target, reached: '–' };
  const { p99 } = figure.outcome.latency;
  return { target, reached: `${p99.toFixed(1)} ms`, ok: p99 <= SSE_P99_MS && figure.outcome.failed === 0 };
}

function growth({ figures }: Found): Target {
  const target = `CPU per operation beside many stored sessions: ≤ ${GROWTH} × that beside few`;
  const all = growths(figures.filter(({ section }) => section === 'c'));
  const worst = all.reduce<(typeof all)[number] | undefined>(
    (a, b) => (a && a.cpuRatio >= b.cpuRatio ? a : b),
    undefined,
  );
  if (!worst) return { target, reached: '–' };
  return { target, reached: `at most ${worst.cpuRatio.toFixed(2)} × (${worst.what})`, ok: worst.cpuRatio <= GROWTH };
}

function goodput({ overload }: Found): Target[] {
  return overload.map(({ mode, goodputPerSecond, peakPerSecond, during }) => {
    const ratio = goodputPerSecond / peakPerSecond;
    return {
      target: `overload: goodput ≥ ${GOODPUT} × its peak, served within ${SERVED_MS / 1_000} s, the rest refused (${mode})`,
      reached: `${ratio.toFixed(2)} ×, p99 ${during.latency.p99.toFixed(0)} ms, ${during.refused} refused, ${during.failed} failed`,
      ok: ratio >= GOODPUT && during.failed === 0 && during.latency.p99 <= SERVED_MS,
    };
  });
}

function start({ startMs }: Found): Target {
  const target = `npm start to the first answer: ≤ ${START_MS / 1_000} s`;
  return startMs === undefined
    ? { target, reached: '–' }
    : { target, reached: `${(startMs / 1_000).toFixed(2)} s`, ok: startMs <= START_MS };
}
