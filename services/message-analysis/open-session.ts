import type { Session } from '../../gen/autosession/session/v1/session_pb.js';
import type { MessageDeps } from './deps.ts';
import type { Parties } from './parties.ts';

/** How long a batch without new messages waits for its session; after that it is answered without one. */
const WAIT_MS = 2_000;

/** The session service's answer about a conversation. */
export interface PresentSession {
  /** The open session; undefined when there is none. */
  readonly session?: Session;
  /** Whether the session service has answered for these parties. */
  readonly known: boolean;
}

/**
 * The conversation's open session as it is now: events may be late, so the last one that this service received may be outdated.
 * Outdated parties are dropped from the cache: the next batch resolves them again.
 */
export async function openSessionOf(deps: MessageDeps, parties: Parties): Promise<PresentSession> {
  const { platform, accountKey, shopKey } = parties;
  const request = { platform, accountKey, shopKey };
  try {
    const { session, partiesMoved } = await deps.sessions.getConversationSession(request, { timeoutMs: WAIT_MS });
    if (partiesMoved) deps.parties.forget(parties);
    return { session, known: !partiesMoved };
  } catch {
    return { known: false };
  }
}
