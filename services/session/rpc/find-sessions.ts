import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { FindSessionsRequest, SessionService } from '../../../gen/autosession/session/v1/session_service_pb.js';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { SessionDeps } from '../deps.ts';
import type { SessionCursor, SessionFilter } from '../domain/session-list.ts';
import { optionalTimestamp, sessionToProto } from '../domain/session-to-proto.ts';
import { countSessions, findSessionPage, MAX_COUNTED_SESSIONS } from '../store/find-sessions.ts';

/** A page of the sessions that pass all filters, and their number. */
export const findSessions =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['findSessions'] =>
  async (request) => {
    const filter = filterOf(request);
    const { sort, pageSize: limit } = request;
    const query = { filter, sort, limit, after: request.after && cursorFromProto(request.after) };
    const [{ sessions, next }, count] = await Promise.all([
      findSessionPage(deps.db, currentTenant(), query),
      countSessions(deps.db, currentTenant(), filter),
    ]);
    await deps.fences.confirm(...sessions);
    return {
      sessions: sessions.map(sessionToProto),
      next: next && { ...next, waitingSince: optionalTimestamp(next.waitingSince) },
      total: Math.min(count, MAX_COUNTED_SESSIONS),
      totalExceeded: count > MAX_COUNTED_SESSIONS,
    };
  };

function filterOf(request: FindSessionsRequest): SessionFilter {
  const { accountId, shopId, userId, agentId, unassigned, vip, timeStart, timeEnd, only } = request;
  return {
    ...{ accountId, shopId, userId, agentId, unassigned, vip },
    status: request.status || undefined,
    state: request.state || undefined,
    openedFrom: timeStart && timestampMs(timeStart),
    openedBefore: timeEnd && timestampMs(timeEnd),
    only: only?.sessionIds,
  };
}

function cursorFromProto({ part, sessionId, waitingSince }: NonNullable<FindSessionsRequest['after']>): SessionCursor {
  return { part, sessionId, waitingSince: waitingSince && timestampMs(waitingSince) };
}
