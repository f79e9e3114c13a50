import type { Machine } from './machine.ts';
import type { Baseline, LoadResult, MeasurementResult, TargetResult } from './measurement-result.ts';
import type { OverloadReport } from './scenarios/overload.ts';

/** All results of a run: the content of the JSON file. */
export interface BenchResult {
  readonly version: 1;
  readonly at: string;
  readonly quick: boolean;
  readonly machine: Machine;
  readonly figures: readonly MeasurementResult[];
  readonly limits: readonly (Baseline & { readonly inFlight: number; readonly outcome: LoadResult })[];
  readonly overload: readonly OverloadReport[];
  /** Milliseconds. */
  readonly startMs?: number;
  /** Requests to the database, of one or several statements, in one main flow without background work. */
  readonly recordedRequests?: number;
  readonly targets: readonly TargetResult[];
}
