import type { Message } from '../../../gen/autosession/message/v1/message_pb.js';
import { failureLogLevel } from '../../lib/runtime/loop-failure-log.ts';
import type { SessionDeps } from '../deps.ts';

/** How many messages an agent gets with a session. */
const MAX_RECENT_MESSAGES = 20;
/** The change of control is stored and confirmed: its answer does not wait longer for messages. */
const TIMEOUT_MS = 2_000;

/**
 * The last messages of a session, in order; none while message-analysis does not answer, since control must not depend on it.
 */
export async function recentMessages(
  { messages, logger }: SessionDeps,
  sessionId: string,
): Promise<{ history: Message[]; historyUnavailable: boolean }> {
  try {
    const request = { sessionId, limit: MAX_RECENT_MESSAGES };
    const answer = await messages.getSessionMessages(request, { timeoutMs: TIMEOUT_MS });
    return { history: answer.messages, historyUnavailable: false };
  } catch (error) {
    const line = { event: 'history_unavailable', session_id: sessionId, err: error };
    logger[failureLogLevel(error)](line, 'a change of control is answered without the last messages');
    return { history: [], historyUnavailable: true };
  }
}
