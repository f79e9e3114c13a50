import { expect, it } from 'vitest';
import { ErrorReason, hasErrorReason } from '../../../../services/lib/errors/app-error.ts';
import { retryOnConflict } from '../../../../services/message-analysis/store/retry-on-conflict.ts';

class DuplicateKeyError extends Error {}
class OtherConflictError extends Error {}

const db = { isDuplicateKey: (error: unknown) => error instanceof DuplicateKeyError };

const failTimes = (times: number, error: Error) => async (attempt: number) => {
  if (attempt <= times) throw error;
  return attempt;
};

it('runs the work again after a duplicate key', async () => {
  expect(await retryOnConflict(db, failTimes(3, new DuplicateKeyError()))).toBe(4);
});

it('runs the work again after an error that the caller names as a conflict', async () => {
  const isConflict = (error: unknown) => error instanceof OtherConflictError;
  expect(await retryOnConflict(db, failTimes(1, new OtherConflictError()), isConflict)).toBe(2);
});

it('passes any other error on at once', async () => {
  const error = new OtherConflictError();
  await expect(retryOnConflict(db, failTimes(1, error))).rejects.toBe(error);
});

it('gives up with SERVICE_UNAVAILABLE after 8 attempts', async () => {
  const error = await retryOnConflict(db, failTimes(8, new DuplicateKeyError())).catch((error) => error);
  expect(hasErrorReason(error, ErrorReason.SERVICE_UNAVAILABLE)).toBe(true);
});
