import type { ServiceImpl } from '@connectrpc/connect';
import type { ChatService } from '../../../gen/autosession/message/v1/chat_service_pb.js';
import type { ChatTurn } from '../domain/turn.ts';
import type { ChatDeps } from '../turns/chat-deps.ts';
import { raiseChatFence as raise } from '../turns/raise-chat-fence.ts';

/** Raises the fence of a chat session; returns when no turn of an earlier epoch can hand out anything any more. */
export const raiseChatFence =
  (deps: ChatDeps): ServiceImpl<typeof ChatService>['raiseChatFence'] =>
  async ({ sessionId, sessionName, ownerEpoch, status: control, paused, agentId, botId }) => {
    const raised = await raise(deps, { sessionId, sessionName, ownerEpoch, control, paused, agentId, botId });
    return {
      ownerEpoch: raised.ownerEpoch,
      interruptedReply: raised.interrupted && interruptedReply(raised.interrupted),
    };
  };

function interruptedReply({ messageId, messageStored, handedOut, complete }: ChatTurn) {
  return { messageId: messageStored ? messageId : '', content: handedOut, complete };
}
