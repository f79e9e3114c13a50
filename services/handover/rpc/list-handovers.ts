import type { ServiceImpl } from '@connectrpc/connect';
import type { HandoverService } from '../../../gen/autosession/handover/v1/handover_service_pb.js';
import type { HandoverDeps } from '../deps.ts';
import { readHandoverPage as read } from '../store/handovers.ts';
import type { HandoverTables } from '../store/tables.ts';
import { encodeListCursor, parsePaging } from './paging.ts';

export const listHandovers =
  ({ db }: HandoverDeps): ServiceImpl<typeof HandoverService>['listHandovers'] =>
  async (request) => {
    const { sessionId, state } = request;
    const { limit, after } = parsePaging(request);
    const page = await read(db.autocommit<HandoverTables>(), { sessionId, state }, limit, after);
    return { handovers: page.items, nextPageToken: encodeListCursor(page.next) };
  };
