/** Rows per multi-row insert. */
export const MAX_ROWS_PER_INSERT = 200;

/** `items` in runs of at most `size`. */
export function* chunks<T>(items: readonly T[], size = MAX_ROWS_PER_INSERT): Generator<T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size);
}
