import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { Control } from '../../../gen/autosession/control/v1/control_pb.js';
import type {
  ChatService,
  StreamChatRequest,
  StreamChatResponseSchema,
} from '../../../gen/autosession/message/v1/chat_service_pb.js';
import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { ChatSession } from '../domain/chat-session.ts';
import { findChat } from '../store/chats.ts';
import type { MessageTables } from '../store/tables.ts';
import { answerTo, deliver } from '../turns/answer-stream.ts';
import { carryOutEscalation } from '../turns/carry-out-escalation.ts';
import type { ChatDeps } from '../turns/chat-deps.ts';
import { type AcceptedMessage, acceptMessage, answerSignal, openForRequest } from '../turns/chat-request.ts';
import { escalationReply } from '../turns/decide-escalation.ts';

type Part = MessageInitShape<typeof StreamChatResponseSchema>;

/**
 * Stores a user's message and streams the bot's answer. Without a message it only opens the session, and says who is in control
 * when it is not the bot.
 */
export const streamChat = (deps: ChatDeps): ServiceImpl<typeof ChatService>['streamChat'] =>
  async function* (request: StreamChatRequest) {
    if (request.message === '') {
      const session = await openForRequest(deps, request);
      if (session.status !== Control.BOT_ACTIVE) yield statusPart(session, session.status);
      return;
    }
    const accepted = await acceptMessage(deps, request);
    const { session, message } = accepted;
    const key = { tenant: currentTenant(), sessionId: session.sessionId };
    if (message.kind === 'refused') {
      await deps.db.confirmReads();
      yield statusPart(session, message.control);
      yield refusalPart(message);
      return;
    }
    const signal = answerSignal(deps, request.botId);
    if (message.kind === 'escalating') return yield* escalationParts(deps, accepted, signal);
    for await (const part of answerTo(deps, key, message.seq, { signal, deltas: true })) {
      if (part.kind === 'delta') {
        yield { part: { case: 'delta', value: { content: part.text, messageId: part.messageId } } };
        continue;
      }
      await deps.db.confirmReads();
      if (part.chat.control !== Control.BOT_ACTIVE) yield await currentStatusPart(deps, part.chat);
      if (part.kind === 'end') {
        const { messageId, interrupted, chat } = part;
        yield donePart(messageId || message.messageId, chat.conversationId, interrupted);
      } else yield refusalPart({ ...part.chat, messageId: message.messageId });
    }
  };

/** What the rule says first, while the bot is still in control; then its escalation. */
async function* escalationParts(
  deps: ChatDeps,
  { session, message }: AcceptedMessage,
  signal: AbortSignal,
): AsyncGenerator<Part> {
  if (message.kind !== 'escalating') return;
  const { sessionId } = session;
  const key = { tenant: currentTenant(), sessionId };
  const reply = await escalationReply(deps, key, message);
  const answer = { messageId: reply.messageId, text: reply.content, answersSeq: message.seq, from: 0 };
  if (reply.content)
    for await (const part of deliver(deps, key, answer, signal))
      if (part.kind === 'delta')
        yield { part: { case: 'delta', value: { content: part.text, messageId: part.messageId } } };
  const escalated = await carryOutEscalation(deps, sessionId, message.escalation);
  const { chat } = await findChat(deps.db.autocommit<MessageTables>(), key);
  await deps.db.confirmReads();
  yield statusPart(escalated ?? session, (escalated ?? session).status);
  yield donePart(reply.messageId, chat?.conversationId ?? '', false);
}

/** The status with the agent and the reason, as the session service knows them now; without them while it does not answer. */
async function currentStatusPart(deps: ChatDeps, { sessionId, control }: ChatSession): Promise<Part> {
  const found = await deps.sessions.getSession({ sessionId }).catch(() => undefined);
  return found?.session
    ? statusPart(found.session, found.session.status)
    : { part: { case: 'status', value: { status: control } } };
}

function statusPart({ escalation, assignedAgent }: Session, status: Control): Part {
  const agent = assignedAgent && { agentId: assignedAgent.agentId, agentName: assignedAgent.agentName };
  return { part: { case: 'status', value: { status, reason: escalation?.reason, agent } } };
}

function refusalPart({ control, paused, messageId }: { control: Control; paused: boolean; messageId: string }): Part {
  return { part: { case: 'refusal', value: { status: control, paused, messageId } } };
}

function donePart(messageId: string, conversationId: string, interrupted: boolean): Part {
  return { part: { case: 'done', value: { messageId, conversationId, interrupted } } };
}
