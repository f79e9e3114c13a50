import type { Mode, ScenarioName } from './options.ts';

/** Milliseconds. */
export interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** What came of a load. */
export interface LoadResult {
  /** Operations that succeeded. */
  readonly done: number;
  /** Operations that were refused because too many were under way. */
  readonly refused: number;
  /** Operations that failed in any other way, and what one of them said. */
  readonly failed: number;
  readonly failure?: string;
  readonly seconds: number;
  readonly latency: Quantiles;
  /** By step, where an operation has several. */
  readonly steps: Readonly<Record<string, Quantiles>>;
}

/** What one operation cost. */
export interface Cost {
  /** CPU milliseconds by process. */
  readonly cpuMs: Readonly<Record<string, number>>;
  /** Of the whole system after it, MiB by process. */
  readonly rssMb: Readonly<Record<string, number>>;
  /** From the system's own counters; the work of relay and consumers for it is included, idle sweeps are not. */
  readonly statements: number;
  readonly commits: number;
  readonly hops: number;
}

/** A limit measured in the same run, without the system. */
export interface Baseline {
  readonly name: string;
  readonly perSecond: number;
}

/** One measurement. */
export interface MeasurementResult {
  /** The same in every run: section, mode, what and how. */
  readonly id: string;
  readonly section: ScenarioName;
  readonly mode: Mode;
  readonly what: string;
  readonly inFlight: number;
  readonly perSecond: number;
  readonly outcome: LoadResult;
  readonly cost: Cost;
  readonly limits: readonly Baseline[];
}

/** A target and what was reached. */
export interface TargetResult {
  readonly target: string;
  readonly reached: string;
  /** Undefined when the run did not measure it. */
  readonly ok?: boolean;
}
