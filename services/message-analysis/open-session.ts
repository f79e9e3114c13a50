import type { Session } from '../../gen/autosession/session/v1/session_pb.js';
import type { MessageDeps } from './deps.ts';
import type { ConversationParties } from './store/conversation.ts';

/** A batch without news waits this long for its session; then it is answered without one. */
const WAIT_MS = 2_000;

/** What the session service says of a conversation. */
export interface PresentSession {
  /** The open session; undefined when there is none. */
  readonly session?: Session;
  /** Whether the session service has answered. */
  readonly known: boolean;
}

/**
 * The conversation's open session as it is now: events may be late, so what this service last heard of it may not be true
 * any more.
 */
export async function openSessionOf(
  { sessions }: MessageDeps,
  { accountKey, shopKey }: Pick<ConversationParties, 'accountKey' | 'shopKey'>,
): Promise<PresentSession> {
  try {
    const { session } = await sessions.getConversationSession({ accountKey, shopKey }, { timeoutMs: WAIT_MS });
    return { session, known: true };
  } catch {
    return { known: false };
  }
}
