import pLimit from 'p-limit';

/** Runs `work` on every item, at most `concurrency` at a time. Throws the first error, after everything that had begun ended. */
export async function forEachConcurrent<T>(
  items: Iterable<T>,
  concurrency: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const limit = pLimit({ concurrency, rejectOnClear: true });
  const failures: unknown[] = [];
  const run = async (item: T) => {
    try {
      await work(item);
    } catch (error) {
      failures.push(error);
      limit.clearQueue(); // items that have not begun are not run
    }
  };
  await Promise.allSettled(Array.from(items, (item) => limit(run, item)));
  if (failures.length > 0) throw failures[0];
}

/** The items in groups of one key each, in the order in which they came. */
export function groupValues<T>(items: Iterable<T>, key: (item: T) => string): T[][] {
  return [...Map.groupBy(items, key).values()];
}
