import type { LoadResult } from '../measurement-result.ts';
import { LoadSamples } from './samples.ts';

/** When a load ends: after a time, or after a number of operations. */
export type StopCondition = { readonly seconds: number } | { readonly count: number };

/** One iteration of a virtual user; `n` counts the iterations of all virtual users. */
export interface Iteration {
  readonly virtualUser: number;
  readonly n: number;
  readonly samples: LoadSamples;
}

/**
 * Runs `inFlight` virtual users, each of which starts its next operation when the previous one is answered. An operation that
 * throws is a failure; `refusals` counts refused requests that were retried within operations. Throws if nothing succeeded.
 */
export async function closedLoop(
  inFlight: number,
  stopCondition: StopCondition,
  operation: (iteration: Iteration) => Promise<void>,
  refusals: { readonly refused: number } = { refused: 0 },
): Promise<LoadResult> {
  const samples = new LoadSamples();
  const start = performance.now();
  let startedCount = 0;
  const shouldContinue = () =>
    'count' in stopCondition
      ? startedCount < stopCondition.count
      : performance.now() - start < stopCondition.seconds * 1_000 || startedCount < inFlight;
  const runVirtualUser = async (_: unknown, virtualUser: number) => {
    while (shouldContinue()) {
      const n = startedCount++;
      const from = performance.now();
      await operation({ virtualUser, n, samples }).then(
        () => samples.success(performance.now() - from),
        (error) => samples.failure(error),
      );
    }
  };
  await Promise.all(Array.from({ length: inFlight }, runVirtualUser));
  const result = { ...samples.outcome((performance.now() - start) / 1_000), refused: refusals.refused };
  if (result.done === 0) throw new Error(`nothing succeeded: ${result.failure}`);
  return result;
}
