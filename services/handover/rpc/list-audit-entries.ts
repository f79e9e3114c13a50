import type { ServiceImpl } from '@connectrpc/connect';
import type { HandoverService } from '../../../gen/autosession/handover/v1/handover_service_pb.js';
import type { HandoverDeps } from '../deps.ts';
import { readAuditPage as read } from '../store/audit.ts';
import type { HandoverTables } from '../store/tables.ts';
import { encodeListCursor, parsePaging } from './paging.ts';

export const listAuditEntries =
  ({ db }: HandoverDeps): ServiceImpl<typeof HandoverService>['listAuditEntries'] =>
  async (request) => {
    const { sessionId, newestFirst } = request;
    const { limit, after } = parsePaging(request);
    const page = await read(db.autocommit<HandoverTables>(), { sessionId, newestFirst }, limit, after);
    return { entries: page.items, nextPageToken: encodeListCursor(page.next) };
  };
