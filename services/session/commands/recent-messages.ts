import type { Message } from '../../../gen/autosession/message/v1/message_pb.js';
import type { SessionDeps } from '../deps.ts';

/** How many messages an agent gets with a session. */
const MAX_RECENT_MESSAGES = 20;

/** The last messages of a session, in order. */
export async function recentMessages(deps: SessionDeps, sessionId: string): Promise<Message[]> {
  return (await deps.messages.getSessionMessages({ sessionId, limit: MAX_RECENT_MESSAGES })).messages;
}
