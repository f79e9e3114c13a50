import type { ServiceImpl } from '@connectrpc/connect';
import type { ChatService } from '../../../gen/autosession/message/v1/chat_service_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import type { ChatDeps } from '../turns/chat-deps.ts';

/** What a chat page shows of a bot. */
export const getBotInfo =
  (deps: ChatDeps): ServiceImpl<typeof ChatService>['getBotInfo'] =>
  async ({ botId }) => {
    const bot = deps.bots.get(botId)?.bot;
    if (!bot) throw appError(ErrorReason.INVALID_ARGUMENT, 'no such bot is configured', { field: 'bot_id' });
    const { id, name, description, iconUrl, welcome } = bot;
    const workflowId = bot.engine === 'coze' ? bot.workflowId : '';
    return { bot: { botId: id, name, description, iconUrl, welcome, workflowId } };
  };
