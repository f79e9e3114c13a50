import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import type { MessageDeps } from '../deps.ts';
import type { BatchParties } from './parties-cache.ts';

/** How long a batch without new messages waits for its session; after that the response has none. */
const SESSION_LOOKUP_TIMEOUT_MS = 2_000;

/** The session service's answer about a conversation. */
export interface CurrentSession {
  /** The open session; undefined when there is none. */
  readonly session?: Session;
  /** Whether the session service has answered for these parties. */
  readonly isKnown: boolean;
}

/**
 * The conversation's current open session: events may be late, so the session that this service knows may be outdated.
 * Outdated parties are dropped from the cache: the next batch resolves them again.
 */
export async function findOpenSession(deps: MessageDeps, parties: BatchParties): Promise<CurrentSession> {
  const { platform, accountKey, shopKey } = parties;
  const request = { platform, accountKey, shopKey };
  try {
    const { session, partiesMoved } = await deps.sessions.getConversationSession(request, {
      timeoutMs: SESSION_LOOKUP_TIMEOUT_MS,
    });
    if (partiesMoved) deps.parties.invalidate(parties);
    return { session, isKnown: !partiesMoved };
  } catch {
    return { isKnown: false };
  }
}
