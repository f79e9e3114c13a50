import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import type { SessionDeps } from '../deps.ts';
import type { Change } from '../domain/apply-command.ts';
import type { CommandContext } from '../domain/commands.ts';
import type { SessionRecord } from '../domain/session.ts';
import { retryCommand } from './retry-command.ts';
import { SessionUnitOfWork } from './session-unit-of-work.ts';

/**
 * Changes a session by a command that no client repeats under an idempotency key. `decide` returns undefined when there is
 * nothing to change. Returns the session afterwards. Throws SESSION_NOT_FOUND, STALE_VERSION and what `decide` throws.
 */
export function changeSession(
  deps: SessionDeps,
  sessionId: string,
  decide: (session: SessionRecord, ctx: CommandContext) => Change | undefined,
): Promise<SessionRecord> {
  return retryCommand(deps, staleVersion, async () => {
    const unit = new SessionUnitOfWork(deps);
    const session = await unit.load(sessionId);
    const change = decide(session, unit.context);
    if (!change) return session;
    unit.apply(change);
    // no other row is written, so only the number of the event can be taken: one request, whose row count is not awaited
    await unit.commit(`session-${change.command}`, { optimisticByEventSeq: true });
    return change.after;
  });
}

/** For a session that concurrent writers changed at every attempt. */
export function staleVersion(): Error {
  const text = 'too many concurrent writers are changing this session; repeat the request';
  return appError(ErrorReason.STALE_VERSION, text);
}
