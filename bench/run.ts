import type { Figure, Limit, Outcome, Target } from './figure.ts';
import type { Machine } from './machine.ts';
import type { OverloadReport } from './sections/overload.ts';

/** Everything that a run found out: what the JSON file holds. */
export interface Run {
  readonly version: 1;
  readonly at: string;
  readonly quick: boolean;
  readonly machine: Machine;
  readonly figures: readonly Figure[];
  readonly limits: readonly (Limit & { readonly inFlight: number; readonly outcome: Outcome })[];
  readonly overload: readonly OverloadReport[];
  /** Milliseconds. */
  readonly startMs?: number;
  /** Requests to the database, of one or several statements, in one main flow without background work. */
  readonly recordedRequests?: number;
  readonly targets: readonly Target[];
}
