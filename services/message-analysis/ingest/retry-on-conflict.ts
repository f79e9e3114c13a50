import type { Database } from '../../lib/db/database.ts';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';

const MAX_ATTEMPTS = 8;

/**
 * Runs `work` again, as a whole, when a concurrent writer was faster: when it fails with a duplicate key or with another error
 * that `isConflict` names, or returns undefined. It must read again what the other one has written. Throws
 * SERVICE_UNAVAILABLE after the last attempt.
 */
export async function retryOnConflict<T>(
  db: Database,
  work: (attempt: number) => Promise<T | undefined>,
  isConflict: (error: unknown) => boolean = () => false,
): Promise<T> {
  let lastError: unknown;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    try {
      const result = await work(attempt);
      if (result !== undefined) return result;
    } catch (error) {
      if (!db.isDuplicateKey(error) && !isConflict(error)) throw error;
      lastError = error;
    }
  }
  const text = 'concurrent requests keep changing the conversation; a repeat is harmless';
  throw appError(ErrorReason.SERVICE_UNAVAILABLE, text, {}, lastError);
}
