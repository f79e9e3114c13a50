import type { ServiceImpl } from '@connectrpc/connect';
import type { ChatService } from '../../../gen/autosession/message/v1/chat_service_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { currentContext, currentTenant } from '../../lib/runtime/request-context.ts';
import { findChat } from '../store/chats.ts';
import type { MessageTables } from '../store/tables.ts';
import type { ChatDeps } from '../turns/chat-deps.ts';
import { openChat } from '../turns/chat-request.ts';
import { ChatUnitOfWork } from '../turns/chat-unit-of-work.ts';
import { storeConversation } from '../turns/engine-conversation.ts';
import { controlOf } from '../turns/store-user-message.ts';

/** Makes the bot's engine begin a new context for a session, and keeps the context's id with the session. */
export const startConversation =
  (deps: ChatDeps): ServiceImpl<typeof ChatService>['startConversation'] =>
  async ({ sessionId: sessionName, userId }) => {
    const defaultBot = deps.bots.get('')?.bot.id ?? '';
    const opening = { sessionName, userId: userId || sessionName, botId: defaultBot, vip: false };
    const session = await openChat(deps, opening);
    const { sessionId } = session;
    const { chat } = await findChat(deps.db.autocommit<MessageTables>(), { tenant: currentTenant(), sessionId });
    const bot = deps.bots.get(chat?.botId || session.botId);
    const signal = currentContext().signal ?? new AbortController().signal;
    const request = { sessionId, sessionName: session.sessionName, userId: session.userId || sessionName };
    const begun = await bot?.engine.startConversation(request, signal).catch((error) => {
      throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'the engine of the bot does not answer', {}, error);
    });
    if (!chat)
      await ChatUnitOfWork.run(deps, sessionId, 'know-session', (unit) => void unit.ensureChat(controlOf(session)));
    const conversationId = begun || deps.ids.next('cnv');
    return { conversationId: await storeConversation(deps, sessionId, conversationId, { replace: true }) };
  };
