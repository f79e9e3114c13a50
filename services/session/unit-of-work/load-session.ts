import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { SessionDeps } from '../deps.ts';
import type { SessionRecord } from '../domain/session.ts';

/** Throws SESSION_NOT_FOUND. */
export async function loadSession(
  { sessions }: Pick<SessionDeps, 'sessions'>,
  sessionId: string,
): Promise<SessionRecord> {
  const session = await sessions.find(currentTenant(), sessionId);
  if (!session)
    throw appError(ErrorReason.SESSION_NOT_FOUND, `there is no session ${sessionId}`, { session_id: sessionId });
  return session;
}
