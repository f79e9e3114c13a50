import type { ConnectRouter } from '@connectrpc/connect';
import { MessageService } from '../../gen/autosession/message/v1/message_service_pb.js';
import { RuleService } from '../../gen/autosession/message/v1/rule_service_pb.js';
import type { MessageDeps } from './deps.ts';
import { getSessionMessages } from './rpc/get-session-messages.ts';
import { ingestMessages } from './rpc/ingest-messages.ts';
import { listMessages } from './rpc/list-messages.ts';
import { getRules } from './rpc/rules/get-rules.ts';
import { listRuleVersions } from './rpc/rules/list-rule-versions.ts';
import { putRules } from './rpc/rules/put-rules.ts';
import { testRules } from './rpc/rules/test-rules.ts';

/** Every RPC of the message-analysis service. */
export const messageRoutes = (deps: MessageDeps) => (router: ConnectRouter) => {
  router.service(MessageService, {
    ingestMessages: ingestMessages(deps),
    listMessages: listMessages(deps),
    getSessionMessages: getSessionMessages(deps),
  });
  router.service(RuleService, {
    getRules: getRules(deps),
    putRules: putRules(deps),
    listRuleVersions: listRuleVersions(deps),
    testRules: testRules(deps),
  });
};
