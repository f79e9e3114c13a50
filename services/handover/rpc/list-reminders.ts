import type { ServiceImpl } from '@connectrpc/connect';
import type { HandoverService } from '../../../gen/autosession/handover/v1/handover_service_pb.js';
import type { HandoverDeps } from '../deps.ts';
import { readReminderPage as read } from '../store/reminders.ts';
import { encodeListCursor, parsePaging } from './paging.ts';
import { sessionFilter } from './session-filter.ts';

export const listReminders =
  (deps: HandoverDeps): ServiceImpl<typeof HandoverService>['listReminders'] =>
  async (request) => {
    const { state } = request;
    const { limit, after } = parsePaging(request);
    const sessionId = await sessionFilter(deps, request);
    const page = await read(deps.db, { sessionId, state }, limit, after);
    return { reminders: page.items, nextPageToken: encodeListCursor(page.next) };
  };
