import type { Database } from './database.ts';

/**
 * How often work is run, the first time included. It differs by what can still conflict, and by what a repeat costs. (A
 * deadlock, or a lock that takes too long, is no conflict: `Database.transaction` itself repeats the transaction then.)
 */
export const MAX_CONFLICT_ATTEMPTS = {
  /** Transactions that lock what they decide on: a conflict is left only while a row is first inserted; a repeat finds it. */
  locked: 5,
  /** Batches without a lock: each repeat reads a whole conversation again, and few clients upload the same one. */
  batch: 8,
  /** Decisions on rows that were read without a lock: of n concurrent writers one succeeds per round, the last in round n. */
  optimistic: 10,
} as const;

export interface ConflictRetryOptions {
  readonly maxAttempts: number;
  /** The errors, beside duplicate keys, which mean that a concurrent writer was faster. */
  readonly isConflict?: (error: unknown) => boolean;
  /** The error to throw after the last attempt, made from that attempt's own error, which is thrown otherwise. */
  readonly exhausted?: (lastError: unknown) => Error;
}

/**
 * Runs `work`, which reads, decides and commits; again as a whole, at once, when a concurrent writer changed what it had read
 * or inserted the same key first. It must have no effect but its statements.
 */
export async function withConflictRetry<R>(
  db: Pick<Database, 'isDuplicateKey'>,
  { maxAttempts, isConflict, exhausted }: ConflictRetryOptions,
  work: (attempt: number) => Promise<R>,
): Promise<R> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      if (!db.isDuplicateKey(error) && !isConflict?.(error)) throw error;
      if (attempt === maxAttempts) throw exhausted?.(error) ?? error;
    }
  }
}
