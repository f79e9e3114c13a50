import type { Outcome } from '../figure.ts';
import { Samples } from './latency.ts';

/** When a load ends: after a time, or after so many operations. */
export type Until = { readonly seconds: number } | { readonly count: number };

/** A place in the load: `n` counts the operations over all lanes. */
export interface Turn {
  readonly lane: number;
  readonly n: number;
  readonly samples: Samples;
}

/**
 * So many callers at a time, each beginning anew when it has its answer. What `operation` throws is a failure; `refusals`
 * counts what was refused and repeated within the operations. Throws when nothing at all succeeded.
 */
export async function closedLoop(
  inFlight: number,
  until: Until,
  operation: (turn: Turn) => Promise<void>,
  refusals: { readonly refused: number } = { refused: 0 },
): Promise<Outcome> {
  const samples = new Samples();
  const start = performance.now();
  let begun = 0;
  const goesOn = () =>
    'count' in until ? begun < until.count : performance.now() - start < until.seconds * 1_000 || begun < inFlight;
  const runLane = async (_: unknown, lane: number) => {
    while (goesOn()) {
      const n = begun++;
      const from = performance.now();
      await operation({ lane, n, samples }).then(
        () => samples.success(performance.now() - from),
        (error) => samples.failure(error),
      );
    }
  };
  await Promise.all(Array.from({ length: inFlight }, runLane));
  const outcome = { ...samples.outcome((performance.now() - start) / 1_000), refused: refusals.refused };
  if (outcome.done === 0) throw new Error(`nothing succeeded: ${outcome.failure}`);
  return outcome;
}
