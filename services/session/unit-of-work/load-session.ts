import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { isSessionId } from '../../lib/text/session-reference.ts';
import type { SessionDeps } from '../deps.ts';
import type { SessionRecord } from '../domain/session.ts';

/**
 * A session by its id or, for a chat session, by its name: the open one of that name, else the newest closed one. Throws
 * SESSION_NOT_FOUND.
 */
export async function loadSession(
  { sessions }: Pick<SessionDeps, 'sessions'>,
  reference: string,
): Promise<SessionRecord> {
  const tenant = currentTenant();
  const session = isSessionId(reference)
    ? await sessions.find(tenant, reference)
    : await sessions.findByName(tenant, reference);
  if (!session)
    throw appError(ErrorReason.SESSION_NOT_FOUND, `there is no session ${reference}`, { session_id: reference });
  return session;
}
