import { MAX_CONFLICT_ATTEMPTS, withConflictRetry } from '../../lib/db/conflict-retry.ts';
import { IdempotencyKeyTakenError } from '../../lib/idempotency/idempotency-record.ts';
import type { SessionDeps } from '../deps.ts';
import { isAliasReassigned } from '../store/alias-guard.ts';
import { PartyConflictError } from '../store/party-store.ts';
import { SessionConflictError } from '../store/session-store.ts';

/**
 * Runs `attempt`, which reads, decides and commits; again as a whole when a concurrent writer changed what it read or took
 * a unique key first. Throws `exhausted()` when that happens every time.
 */
export function retryCommand<R>(
  { db }: Pick<SessionDeps, 'db'>,
  exhausted: () => Error,
  attempt: () => Promise<R>,
): Promise<R> {
  return withConflictRetry(db, { maxAttempts: MAX_CONFLICT_ATTEMPTS.optimistic, isConflict, exhausted }, attempt);
}

function isConflict(error: unknown): boolean {
  return (
    error instanceof SessionConflictError ||
    error instanceof PartyConflictError ||
    error instanceof IdempotencyKeyTakenError ||
    isAliasReassigned(error)
  );
}
