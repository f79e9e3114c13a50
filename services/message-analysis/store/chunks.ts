/** Rows per multi-row insert. */
export const INSERT_ROWS = 200;

/** `items` in runs of at most `size`. */
export function* chunks<T>(items: readonly T[], size = INSERT_ROWS): Generator<T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size);
}
