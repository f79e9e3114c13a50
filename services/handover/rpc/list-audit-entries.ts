import type { ServiceImpl } from '@connectrpc/connect';
import type { HandoverService } from '../../../gen/autosession/handover/v1/handover_service_pb.js';
import type { HandoverDeps } from '../deps.ts';
import { listAuditEntries as read } from '../store/audit.ts';
import type { HandoverTables } from '../store/tables.ts';
import { pageToken, paging } from './paging.ts';

export const listAuditEntries =
  ({ db }: HandoverDeps): ServiceImpl<typeof HandoverService>['listAuditEntries'] =>
  async (request) => {
    const { sessionId } = request;
    const { limit, after } = paging(request);
    const page = await read(db.of<HandoverTables>(), { sessionId }, limit, after);
    return { entries: page.items, nextPageToken: pageToken(page.next) };
  };
