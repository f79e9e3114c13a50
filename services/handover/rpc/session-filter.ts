import { isSessionId } from '../../lib/text/session-reference.ts';
import type { HandoverDeps } from '../deps.ts';

/**
 * The id of the session whose rows a list has; empty for all. Only a name is looked up: the rows of an id outlive the session.
 * Throws SESSION_NOT_FOUND.
 */
export async function sessionFilter(
  { sessions }: Pick<HandoverDeps, 'sessions'>,
  { session: reference, sessionId }: { session: string; sessionId: string },
): Promise<string> {
  if (reference === '' || isSessionId(reference)) return reference || sessionId;
  const { session } = await sessions.getSession({ sessionId: reference });
  return session?.sessionId ?? reference;
}
