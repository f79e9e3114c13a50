/** The pause after `failures` failed attempts in a row: doubles from `minMs` up to `maxMs`. */
export function exponentialBackoff(failures: number, minMs: number, maxMs: number): number {
  return Math.min(minMs * 2 ** Math.min(failures - 1, 30), maxMs);
}
