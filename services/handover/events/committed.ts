import type { Database, Executor } from '../../lib/db/database.ts';
import type { HandoverTables } from '../store/tables.ts';

const ATTEMPTS = 5;

/**
 * Runs `work` in a transaction, and again as a whole when another consumer wrote one of its rows first: it then finds that
 * row and has nothing to add. Two consumers overlap for seconds after a lost leadership.
 */
export async function committed<R>(
  db: Database,
  label: string,
  work: (tx: Executor<HandoverTables>, attempt: number) => Promise<R>,
  group?: string,
): Promise<R> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.transaction<HandoverTables, R>(label, (tx) => work(tx, attempt), { group });
    } catch (error) {
      if (attempt === ATTEMPTS || !db.isDuplicateKey(error)) throw error;
    }
  }
}
