import { IdempotencyKeyTakenError } from '../../lib/idempotency/idempotency-record.ts';
import type { SessionDeps } from '../deps.ts';
import { isAliasReassigned } from '../store/alias-guard.ts';
import { PartyConflictError } from '../store/party-store.ts';
import { SessionConflictError } from '../store/session-store.ts';

/** How often a command is decided on what concurrent writers left. */
const MAX_ATTEMPTS = 10;

/**
 * Runs `attempt`, which reads, decides and commits; again as a whole when a concurrent writer changed what it read or took
 * a unique key first. Throws `exhausted()` when that happens every time.
 */
export async function retryOnConflict<R>(
  deps: Pick<SessionDeps, 'db'>,
  exhausted: () => Error,
  attempt: () => Promise<R>,
): Promise<R> {
  for (let tries = 1; tries <= MAX_ATTEMPTS; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (!isConflict(deps, error)) throw error;
    }
  }
  throw exhausted();
}

function isConflict({ db }: Pick<SessionDeps, 'db'>, error: unknown): boolean {
  return (
    error instanceof SessionConflictError ||
    error instanceof PartyConflictError ||
    error instanceof IdempotencyKeyTakenError ||
    isAliasReassigned(error) ||
    db.isDuplicateKey(error)
  );
}
