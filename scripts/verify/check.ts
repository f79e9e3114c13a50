import type { EventLog } from '../../services/lib/bus/event-log.ts';
import type { Database } from '../../services/lib/db/database.ts';

/** What a checker reads. */
export interface Stored {
  readonly db: Database;
  readonly log: EventLog;
}

/** One thing that has to be true of what is stored, and the cases in which it is not. */
export interface Check {
  /** In one sentence, as users bank on it. */
  readonly claim: string;
  /** A line per violation, with the ids; empty when it holds. */
  violations(stored: Stored): Promise<string[]>;
}

/** Groups rows by a key. */
export function groupBy<T>(rows: readonly T[], key: (row: T) => string): Map<string, T[]> {
  return Map.groupBy(rows, key);
}
