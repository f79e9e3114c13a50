import { MAX_CONFLICT_ATTEMPTS, withConflictRetry } from '../../lib/db/conflict-retry.ts';
import type { Database } from '../../lib/db/database.ts';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';

/**
 * Runs `work` again, as a whole, when a concurrent writer was faster: when it fails with a duplicate key or with another error
 * that `isConflict` names. It must read again what the other one has written. Throws SERVICE_UNAVAILABLE after the last
 * attempt.
 */
export function retryOnConflict<T>(
  db: Pick<Database, 'isDuplicateKey'>,
  work: (attempt: number) => Promise<T>,
  isConflict?: (error: unknown) => boolean,
): Promise<T> {
  return withConflictRetry(db, { maxAttempts: MAX_CONFLICT_ATTEMPTS.batch, isConflict, exhausted }, work);
}

function exhausted(lastError: unknown): Error {
  const text = 'concurrent requests keep changing the conversation; a repeat is harmless';
  return appError(ErrorReason.SERVICE_UNAVAILABLE, text, {}, lastError);
}
