import type { ServiceImpl } from '@connectrpc/connect';
import type { HandoverService } from '../../../gen/autosession/handover/v1/handover_service_pb.js';
import type { HandoverDeps } from '../deps.ts';
import { readHandoverPage as read } from '../store/handovers.ts';
import { encodeListCursor, parsePaging } from './paging.ts';
import { sessionFilter } from './session-filter.ts';

export const listHandovers =
  (deps: HandoverDeps): ServiceImpl<typeof HandoverService>['listHandovers'] =>
  async (request) => {
    const { state, agentId } = request;
    const { limit, after } = parsePaging(request);
    const sessionId = await sessionFilter(deps, request);
    const page = await read(deps.db, { sessionId, state, agentId }, limit, after);
    return { handovers: page.items, nextPageToken: encodeListCursor(page.next) };
  };
