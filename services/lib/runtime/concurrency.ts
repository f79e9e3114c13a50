/** Runs `work` on every item, at most `width` at a time. Throws the first error, after everything that had begun ended. */
export async function forEachConcurrent<T>(
  items: Iterable<T>,
  concurrency: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  let next = 0;
  let failed = false;
  const worker = async () => {
    while (next < queue.length && !failed) {
      const item = queue[next++] as T;
      try {
        await work(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: Math.min(concurrency, queue.length) }, worker));
  const rejected = results.find((result) => result.status === 'rejected');
  if (rejected) throw rejected.reason;
}

/** The items in groups of one key each, in the order in which they came. */
export function groupValues<T>(items: Iterable<T>, key: (item: T) => string): T[][] {
  return [...Map.groupBy(items, key).values()];
}
