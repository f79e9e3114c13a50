import type { ServiceImpl } from '@connectrpc/connect';
import type { HandoverService } from '../../../gen/autosession/handover/v1/handover_service_pb.js';
import type { HandoverDeps } from '../deps.ts';
import { listReminders as read } from '../store/reminders.ts';
import type { HandoverTables } from '../store/tables.ts';
import { pageToken, paging } from './paging.ts';

export const listReminders =
  ({ db }: HandoverDeps): ServiceImpl<typeof HandoverService>['listReminders'] =>
  async (request) => {
    const { sessionId, state } = request;
    const { limit, after } = paging(request);
    const page = await read(db.of<HandoverTables>(), { sessionId, state }, limit, after);
    return { reminders: page.items, nextPageToken: pageToken(page.next) };
  };
