import { describe, expect, it } from 'vitest';
import { exponentialBackoff } from '../../../../services/lib/runtime/backoff.ts';

describe('exponentialBackoff', () => {
  it('doubles from the first pause up to the longest', () => {
    expect([1, 2, 3, 4, 5, 6].map((failures) => exponentialBackoff(failures, 100, 1_000))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
  });

  it('stays at the longest pause after any number of failures', () => {
    expect(exponentialBackoff(1_000_000, 100, 300_000)).toBe(300_000);
  });
});
