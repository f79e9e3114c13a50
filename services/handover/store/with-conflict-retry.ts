import type { Database } from '../../lib/db/database.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import type { HandoverTables } from './tables.ts';

const MAX_CONFLICT_ATTEMPTS = 5;

/**
 * Runs `callback` in a transaction, and again as a whole when another consumer has inserted one of its rows first: it then
 * finds that row. Two consumers overlap for seconds after a lost leadership.
 */
export async function withConflictRetry<R>(
  db: Database,
  label: string,
  callback: (tx: Executor<HandoverTables>, attempt: number) => Promise<R>,
  group?: string,
): Promise<R> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.transaction<HandoverTables, R>(label, (tx) => callback(tx, attempt), { group });
    } catch (error) {
      if (attempt === MAX_CONFLICT_ATTEMPTS || !db.isDuplicateKey(error)) throw error;
    }
  }
}
