import { MAX_CONFLICT_ATTEMPTS, withConflictRetry } from '../../lib/db/conflict-retry.ts';
import type { Database } from '../../lib/db/database.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import type { HandoverTables } from './tables.ts';

/**
 * Runs `callback` in a transaction, and again as a whole when another consumer has inserted one of its rows first: it then
 * finds that row. Two consumers overlap for seconds after a lost leadership.
 */
export function retryTransaction<R>(
  db: Database,
  label: string,
  callback: (tx: Executor<HandoverTables>, attempt: number) => Promise<R>,
  group?: string,
): Promise<R> {
  return withConflictRetry(db, { maxAttempts: MAX_CONFLICT_ATTEMPTS.locked }, (attempt) =>
    db.transaction<HandoverTables, R>(label, (tx) => callback(tx, attempt), { group }),
  );
}
