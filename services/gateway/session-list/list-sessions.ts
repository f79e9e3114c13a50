import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type ListSessionsRequest,
  ListSessionsRequestSchema,
  type SessionDetailService,
} from '../../../gen/autosession/conversation/v1/session_detail_service_pb.js';
import { MessageService } from '../../../gen/autosession/message/v1/message_service_pb.js';
import { type Session, SessionSort } from '../../../gen/autosession/session/v1/session_pb.js';
import { SessionService } from '../../../gen/autosession/session/v1/session_service_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import type { Logger } from '../../lib/observability/logger.ts';
import type { ServiceClients } from '../../lib/rpc/service-clients.ts';
import type { Clock } from '../../lib/runtime/clock.ts';
import { failureLogLevel } from '../../lib/runtime/loop-failure-log.ts';
import { listedSession } from './listed-session.ts';
import { decodePageToken, encodePageToken } from './page-token.ts';

const DEFAULT_PAGE_SIZE = 20;
/** The answer does not wait longer for the previews, which are not needed to tell the sessions apart. */
const PREVIEWS_TIMEOUT_MS = 2_000;

interface ListDeps {
  readonly clients: ServiceClients;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A page of the sessions that pass all filters. A keyword is looked for in the messages first. */
export const listSessions =
  (deps: ListDeps): ServiceImpl<typeof SessionDetailService>['listSessions'] =>
  async (given) => {
    const request = normalize(given);
    const after = decodePageToken(request);
    const { clients, clock } = deps;
    const search = request.keyword
      ? await clients.get(MessageService).searchSessions({ keyword: request.keyword })
      : undefined;
    const searchEndedEarly = search?.endedEarly ?? false;
    if (search?.sessionIds.length === 0) return { searchEndedEarly };
    const { status, state, accountId, shopId, userId, vip, timeStart, timeEnd, sort } = request;
    const { sessions, next, total, totalExceeded } = await clients.get(SessionService).findSessions({
      ...{ status, state, accountId, shopId, userId, vip, timeStart, timeEnd, sort, after },
      ...agentFilter(request.agent),
      only: search && { sessionIds: search.sessionIds },
      pageSize: request.pageSize || DEFAULT_PAGE_SIZE,
    });
    const previews = await previewsOf(deps, sessions);
    const now = clock.now();
    return {
      sessions: sessions.map((session) => listedSession(session, previews?.get(session.sessionId) ?? '', now)),
      nextPageToken: next && encodePageToken(request, next),
      total,
      totalExceeded,
      searchEndedEarly,
      previewsUnavailable: !previews,
    };
  };

/** The request without other spellings of the same list: a page token is for all of them. */
function normalize(request: ListSessionsRequest): ListSessionsRequest {
  return create(ListSessionsRequestSchema, {
    ...request,
    agent: request.agent === 'all' ? '' : request.agent,
    sort: request.sort || SessionSort.NEWEST,
  });
}

/** An agent's token has replaced `mine` by its agent. Throws INVALID_ARGUMENT for `mine` of another caller. */
function agentFilter(agent: string): { agentId?: string; unassigned?: boolean } {
  if (agent === 'mine')
    throw appError(ErrorReason.INVALID_ARGUMENT, 'mine needs an agent’s token: a key names the agent', {
      field: 'agent',
    });
  return agent === 'unassigned' ? { unassigned: true } : { agentId: agent };
}

/** The previews of the sessions that have a message, by session; undefined while message-analysis does not answer. */
async function previewsOf(
  { clients, logger }: ListDeps,
  sessions: readonly Session[],
): Promise<ReadonlyMap<string, string> | undefined> {
  if (sessions.length === 0) return new Map();
  try {
    const request = { sessionIds: sessions.map(({ sessionId }) => sessionId) };
    const { lastMessages } = await clients
      .get(MessageService)
      .getLastMessages(request, { timeoutMs: PREVIEWS_TIMEOUT_MS });
    return new Map(lastMessages.map(({ sessionId, preview }) => [sessionId, preview]));
  } catch (error) {
    const line = { event: 'previews_unavailable', err: error };
    logger[failureLogLevel(error)](line, 'sessions are listed without their last messages');
    return undefined;
  }
}
