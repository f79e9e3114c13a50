/** Runs `work` on every item, at most `width` at a time. Throws the first error, after everything that had begun ended. */
export async function inLanes<T>(items: Iterable<T>, width: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  let next = 0;
  let failed = false;
  const lane = async () => {
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
  const results = await Promise.allSettled(Array.from({ length: Math.min(width, queue.length) }, lane));
  const rejected = results.find((result) => result.status === 'rejected');
  if (rejected) throw rejected.reason;
}

/** The items in groups of one key each, in the order in which they came. */
export function groupBy<T>(items: Iterable<T>, key: (item: T) => string): T[][] {
  return [...Map.groupBy(items, key).values()];
}
