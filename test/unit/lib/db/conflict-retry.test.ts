import { expect, it } from 'vitest';
import { withConflictRetry } from '../../../../services/lib/db/conflict-retry.ts';

class DuplicateKeyError extends Error {}
class OtherConflictError extends Error {}

const db = { isDuplicateKey: (error: unknown) => error instanceof DuplicateKeyError };
const isConflict = (error: unknown) => error instanceof OtherConflictError;
const failTimes = (times: number, error: Error) => async (attempt: number) => {
  if (attempt <= times) throw error;
  return attempt;
};

it('runs the work again after a duplicate key, and after the errors that the caller names', async () => {
  expect(await withConflictRetry(db, { maxAttempts: 4 }, failTimes(3, new DuplicateKeyError()))).toBe(4);
  expect(await withConflictRetry(db, { maxAttempts: 4, isConflict }, failTimes(3, new OtherConflictError()))).toBe(4);
});

it('runs work without a result once', async () => {
  let runs = 0;
  await withConflictRetry(db, { maxAttempts: 4 }, async () => void runs++);
  expect(runs).toBe(1);
});

it('throws any other error at once', async () => {
  const error = new OtherConflictError();
  await expect(withConflictRetry(db, { maxAttempts: 4 }, failTimes(1, error))).rejects.toBe(error);
});

it('throws after the last attempt its error, or the one that the caller makes of it', async () => {
  const error = new DuplicateKeyError();
  const work = failTimes(4, error);
  await expect(withConflictRetry(db, { maxAttempts: 4 }, work)).rejects.toBe(error);
  const exhausted = (cause: unknown) => new Error('exhausted', { cause });
  await expect(withConflictRetry(db, { maxAttempts: 4, exhausted }, work)).rejects.toEqual(exhausted(error));
});
