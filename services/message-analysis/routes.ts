import type { ConnectRouter } from '@connectrpc/connect';
import { ChatService } from '../../gen/autosession/message/v1/chat_service_pb.js';
import { MessageService } from '../../gen/autosession/message/v1/message_service_pb.js';
import { RuleService } from '../../gen/autosession/message/v1/rule_service_pb.js';
import { getBotInfo } from './rpc/get-bot-info.ts';
import { getLastMessages } from './rpc/get-last-messages.ts';
import { getSessionMessages } from './rpc/get-session-messages.ts';
import { ingestMessages } from './rpc/ingest-messages.ts';
import { listMessages } from './rpc/list-messages.ts';
import { raiseChatFence } from './rpc/raise-chat-fence.ts';
import { getRules } from './rpc/rules/get-rules.ts';
import { listRuleVersions } from './rpc/rules/list-rule-versions.ts';
import { putRules } from './rpc/rules/put-rules.ts';
import { testRules } from './rpc/rules/test-rules.ts';
import { searchSessions } from './rpc/search-sessions.ts';
import { sendChatMessage } from './rpc/send-chat-message.ts';
import { sendManualMessage } from './rpc/send-manual-message.ts';
import { startConversation } from './rpc/start-conversation.ts';
import { streamChat } from './rpc/stream-chat.ts';
import type { ChatDeps } from './turns/chat-deps.ts';

/** Every RPC of the message-analysis service. */
export const messageRoutes = (deps: ChatDeps) => (router: ConnectRouter) => {
  router.service(MessageService, {
    ingestMessages: ingestMessages(deps),
    listMessages: listMessages(deps),
    getSessionMessages: getSessionMessages(deps),
    getLastMessages: getLastMessages(deps),
    searchSessions: searchSessions(deps),
  });
  router.service(ChatService, {
    getBotInfo: getBotInfo(deps),
    sendChatMessage: sendChatMessage(deps),
    streamChat: streamChat(deps),
    startConversation: startConversation(deps),
    sendManualMessage: sendManualMessage(deps),
    raiseChatFence: raiseChatFence(deps),
  });
  router.service(RuleService, {
    getRules: getRules(deps),
    putRules: putRules(deps),
    listRuleVersions: listRuleVersions(deps),
    testRules: testRules(deps),
  });
};
