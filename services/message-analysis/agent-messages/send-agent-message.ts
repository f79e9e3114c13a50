import { MessageDelivery, MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { appError, ErrorReason, hasErrorReason } from '../../lib/errors/app-error.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { MessageDeps } from '../deps.ts';
import type { OutgoingMessage } from '../domain/outgoing-message.ts';
import { findConversationId } from '../store/conversation-adoption.ts';
import { deleteOutgoing, findOutgoing, insertOutgoing } from '../store/outgoing-messages.ts';
import { retryOnConflict } from '../store/retry-on-conflict.ts';
import { findMessage, findSessionMessage } from '../store/session-messages.ts';
import type { MessageRow, MessageTables } from '../store/tables.ts';
import { finishOutgoing, isRefused } from './finish-outgoing.ts';

/** An agent's message to a shop. */
export interface AgentMessage {
  readonly messageId: string;
  readonly content: string;
  readonly agentId: string;
  readonly agentName: string;
}

const MAX_ATTEMPTS = 3;

/**
 * Gives an agent's message to the shop of a session to the RPA senders, and stores it in the conversation; docs/agent-messages.md is
 * the protocol. A repeat gets the stored message. `assertInControl` throws the error of a session that the agent does not control;
 * it is called with the newest session whenever task-dispatch refuses the task.
 */
export async function sendAgentMessage(
  deps: MessageDeps,
  firstRead: Session,
  message: AgentMessage,
  assertInControl: (session: Session) => void,
): Promise<MessageRow> {
  let session = firstRead;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const accepted = await accept(deps, session, message, assertInControl);
    if ('content_hash' in accepted) return accepted;
    try {
      return await finishOutgoing(deps, accepted, session);
    } catch (error) {
      if (!isRefused(error)) throw error;
      await deleteOutgoing(deps.db.autocommit(), accepted);
      if (!hasErrorReason(error, ErrorReason.HANDED_OVER)) throw error;
      session = (await deps.sessions.getSession({ sessionId: session.sessionId })).session ?? session;
      assertInControl(session);
    }
  }
  throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'the control of the session keeps changing; repeat the request');
}

/** Stores the outgoing message, unless it is stored already, here or in the conversation. */
function accept(
  deps: MessageDeps,
  session: Session,
  message: AgentMessage,
  assertInControl: (session: Session) => void,
): Promise<OutgoingMessage | MessageRow> {
  const { sessionId } = session;
  const { messageId, content, agentId, agentName } = message;
  const tenant = currentTenant();
  const key = { tenant, sessionId, messageId };
  return retryOnConflict(deps.db, async (): Promise<OutgoingMessage | MessageRow> => {
    const known = await findOutgoing(deps.db.autocommit<MessageTables>(), key);
    if (known) return assertSameWords(known, message);
    const delivery = { delivery: MessageDelivery.QUEUED, deliverySeq: 0 };
    const task = { taskId: deps.ids.next('tsk'), ownerEpoch: session.ownerEpoch, createdAt: deps.clock.now() };
    const outgoing: OutgoingMessage = { ...key, agentId, agentName, content, ...delivery, ...task };
    return deps.db.transaction<MessageTables, OutgoingMessage | MessageRow>('accept-agent-message', async (tx) => {
      await insertOutgoing(tx, outgoing);
      // read after the insert: a concurrent request that had stored the message before is seen
      const stored = (await findSessionMessage(tx, key)) ?? (await findInConversation(tx, tenant, session, messageId));
      if (!stored) {
        assertInControl(session);
        return outgoing;
      }
      await deleteOutgoing(tx, outgoing);
      const sameRole = stored.role === MessageRole.AGENT && stored.session_id === sessionId;
      if (!sameRole) throw idReused(messageId);
      assertSameWords({ content: stored.content, agentId: stored.agent_id, messageId }, message);
      return stored;
    });
  });
}

/** A message of another session may have the id: two messages of a conversation never have the same. */
async function findInConversation(
  tx: Executor<MessageTables>,
  tenant: string,
  session: Session,
  messageId: string,
): Promise<MessageRow | undefined> {
  const conversationId = await findConversationId(tx, tenant, session);
  return conversationId === undefined ? undefined : findMessage(tx, { tenant, conversationId, messageId });
}

function assertSameWords<T extends { content: string; agentId: string; messageId: string }>(
  known: T,
  { content, agentId }: AgentMessage,
): T {
  if (known.content !== content || known.agentId !== agentId) throw idReused(known.messageId);
  return known;
}

function idReused(messageId: string) {
  const text = 'the message id was used for another message of this session';
  return appError(ErrorReason.IDEMPOTENCY_KEY_REUSED, text, { idempotency_key: messageId });
}
