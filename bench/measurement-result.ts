import type { Mode, ScenarioName } from './options.ts';

/** Milliseconds. */
export interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** The result of a load. */
export interface LoadResult {
  /** Operations that succeeded. */
  readonly done: number;
  /** Operations that were refused because of overload. */
  readonly refused: number;
  /** Operations that failed for another reason, and the error of one of them. */
  readonly failed: number;
  readonly failure?: string;
  readonly seconds: number;
  readonly latency: Quantiles;
  /** By step, if an operation has several. */
  readonly steps: Readonly<Record<string, Quantiles>>;
}

/** The cost of one operation. */
export interface Cost {
  /** CPU milliseconds by process. */
  readonly cpuMs: Readonly<Record<string, number>>;
  /** Resident memory of the whole system afterwards, MiB by process. */
  readonly rssMb: Readonly<Record<string, number>>;
  /** From the system's own counters, with the work of relay and consumers for it, without idle sweeps. */
  readonly statements: number;
  readonly commits: number;
  readonly hops: number;
}

/** A raw limit, measured in the same run without the system. */
export interface Baseline {
  readonly name: string;
  readonly perSecond: number;
}

/** One measurement. */
export interface MeasurementResult {
  /** The same in every run: section, mode, operation and concurrency. */
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

/** A target and the measured value. */
export interface TargetResult {
  readonly target: string;
  readonly reached: string;
  /** Undefined if the run did not measure it. */
  readonly ok?: boolean;
}
