import type { ConnectRouter } from '@connectrpc/connect';
import { DirectoryService } from '../../gen/autosession/session/v1/directory_service_pb.js';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import type { SessionDeps } from './deps.ts';
import { addSessionTask } from './rpc/add-session-task.ts';
import { applyMessages } from './rpc/apply-messages.ts';
import { archiveSession } from './rpc/archive-session.ts';
import { batchGetSessions } from './rpc/batch-get-sessions.ts';
import { closeSession } from './rpc/close-session.ts';
import { createSession } from './rpc/create-session.ts';
import { escalateByRule } from './rpc/escalate-by-rule.ts';
import { escalateSession } from './rpc/escalate-session.ts';
import { findSessions } from './rpc/find-sessions.ts';
import { getConversationSession } from './rpc/get-conversation-session.ts';
import { getOpenSession } from './rpc/get-open-session.ts';
import { getSession } from './rpc/get-session.ts';
import { getSessionStatus } from './rpc/get-session-status.ts';
import { openChatSession } from './rpc/open-chat-session.ts';
import { getAccount } from './rpc/parties/get-account.ts';
import { getShop } from './rpc/parties/get-shop.ts';
import { listAccounts } from './rpc/parties/list-accounts.ts';
import { listShops } from './rpc/parties/list-shops.ts';
import { putAccount } from './rpc/parties/put-account.ts';
import { putShop } from './rpc/parties/put-shop.ts';
import { pauseSession } from './rpc/pause-session.ts';
import { recordTaskOutcome } from './rpc/record-task-outcome.ts';
import { releaseSession } from './rpc/release-session.ts';
import { resolveParties } from './rpc/resolve-parties.ts';
import { resumeSession } from './rpc/resume-session.ts';
import { takeOverSession } from './rpc/take-over-session.ts';

/** Every RPC of the session service. */
export const sessionRoutes = (deps: SessionDeps) => (router: ConnectRouter) => {
  router.service(SessionService, {
    createSession: createSession(deps),
    addSessionTask: addSessionTask(deps),
    getSession: getSession(deps),
    batchGetSessions: batchGetSessions(deps),
    findSessions: findSessions(deps),
    getConversationSession: getConversationSession(deps),
    getSessionStatus: getSessionStatus(deps),
    getOpenSession: getOpenSession(deps),
    closeSession: closeSession(deps),
    pauseSession: pauseSession(deps),
    resumeSession: resumeSession(deps),
    archiveSession: archiveSession(deps),
    escalateSession: escalateSession(deps),
    takeOverSession: takeOverSession(deps),
    releaseSession: releaseSession(deps),
    recordTaskOutcome: recordTaskOutcome(deps),
    resolveParties: resolveParties(deps),
    applyMessages: applyMessages(deps),
    openChatSession: openChatSession(deps),
    escalateByRule: escalateByRule(deps),
  });
  router.service(DirectoryService, {
    listAccounts: listAccounts(deps),
    getAccount: getAccount(deps),
    putAccount: putAccount(deps),
    listShops: listShops(deps),
    getShop: getShop(deps),
    putShop: putShop(deps),
  });
};
