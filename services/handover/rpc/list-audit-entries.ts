import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { HandoverService } from '../../../gen/autosession/handover/v1/handover_service_pb.js';
import type { HandoverDeps } from '../deps.ts';
import { readAuditPage as read } from '../store/audit-page.ts';
import { encodeListCursor, parsePaging } from './paging.ts';
import { sessionFilter } from './session-filter.ts';

export const listAuditEntries =
  (deps: HandoverDeps): ServiceImpl<typeof HandoverService>['listAuditEntries'] =>
  async (request) => {
    const { limit, after } = parsePaging(request);
    const filter = {
      sessionId: await sessionFilter(deps, request),
      actor: request.agentId,
      since: request.since && timestampMs(request.since),
      until: request.until && timestampMs(request.until),
      newestFirst: request.newestFirst,
    };
    const page = await read(deps.db, filter, limit, after);
    return { entries: page.items, nextPageToken: encodeListCursor(page.next) };
  };
