import type { ServiceImpl } from '@connectrpc/connect';
import type { ChatService } from '../../../gen/autosession/message/v1/chat_service_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { findChat } from '../store/chats.ts';
import type { MessageTables } from '../store/tables.ts';
import { answerTo } from '../turns/answer-stream.ts';
import { carryOutEscalation } from '../turns/carry-out-escalation.ts';
import type { ChatDeps } from '../turns/chat-deps.ts';
import { acceptMessage, answerSignal, refusalOf } from '../turns/chat-request.ts';
import { escalationReply } from '../turns/decide-escalation.ts';

/** Stores a user's message and waits for the bot's answer. The turn goes on when the caller leaves. */
export const sendChatMessage =
  (deps: ChatDeps): ServiceImpl<typeof ChatService>['sendChatMessage'] =>
  async (request) => {
    const { session, message } = await acceptMessage(deps, request);
    const { sessionId, sessionName } = session;
    const { messageId } = message;
    if (message.kind === 'refused') throw refusalOf(sessionId, messageId, message);
    const key = { tenant: currentTenant(), sessionId };
    if (message.kind === 'escalating') {
      const escalated = await carryOutEscalation(deps, sessionId, message.escalation);
      const reply = await escalationReply(deps, key, message);
      const { chat } = await findChat(deps.db.autocommit<MessageTables>(), key);
      const conversationId = chat?.conversationId ?? '';
      const { status } = escalated ?? session;
      return { message: reply.content, messageId: reply.messageId, sessionId, sessionName, conversationId, status };
    }
    const signal = answerSignal(deps, request.botId);
    for await (const part of answerTo(deps, key, message.seq, { signal, deltas: false })) {
      if (part.kind === 'refused') throw refusalOf(sessionId, messageId, part.chat);
      if (part.kind === 'delta') continue;
      const { conversationId, control: status } = part.chat;
      return {
        message: part.text,
        messageId: part.messageId || messageId,
        sessionId,
        sessionName,
        conversationId,
        status,
        interrupted: part.interrupted,
      };
    }
    throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'the answer was not found; a repeat is harmless');
  };
