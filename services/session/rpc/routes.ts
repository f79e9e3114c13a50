import type { ConnectRouter } from '@connectrpc/connect';
import { DirectoryService } from '../../../gen/autosession/session/v1/directory_service_pb.js';
import { SessionService } from '../../../gen/autosession/session/v1/session_service_pb.js';
import type { SessionDeps } from '../deps.ts';
import { addSessionTask } from './add-session-task.ts';
import { applyMessages } from './apply-messages.ts';
import { archiveSession } from './archive-session.ts';
import { batchGetSessions } from './batch-get-sessions.ts';
import { closeSession } from './close-session.ts';
import { createSession } from './create-session.ts';
import { getAccount, getShop } from './directory/get.ts';
import { listAccounts, listShops } from './directory/list.ts';
import { putAccount } from './directory/put-account.ts';
import { putShop } from './directory/put-shop.ts';
import { escalateSession } from './escalate-session.ts';
import { getConversationSession } from './get-conversation-session.ts';
import { getOpenSession } from './get-open-session.ts';
import { getSession } from './get-session.ts';
import { getSessionStatus } from './get-session-status.ts';
import { pauseSession } from './pause-session.ts';
import { recordTaskOutcome } from './record-task-outcome.ts';
import { releaseSession } from './release-session.ts';
import { resolveParties } from './resolve-parties.ts';
import { resumeSession } from './resume-session.ts';
import { takeOverSession } from './take-over-session.ts';

/** Every RPC of the session service. */
export const sessionRoutes = (deps: SessionDeps) => (router: ConnectRouter) => {
  router.service(SessionService, {
    createSession: createSession(deps),
    addSessionTask: addSessionTask(deps),
    getSession: getSession(deps),
    batchGetSessions: batchGetSessions(deps),
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
