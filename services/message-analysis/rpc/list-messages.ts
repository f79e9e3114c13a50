import type { ServiceImpl } from '@connectrpc/connect';
import type { MessageService } from '../../../gen/autosession/message/v1/message_service_pb.js';
import { currentTenant } from '../../lib/context.ts';
import { ErrorReason, refuse } from '../../lib/errors/refuse.ts';
import type { MessageDeps } from '../deps.ts';
import { type Place, pageToken, placeOf } from '../domain/page-token.ts';
import { lastMessages } from '../store/read.ts';
import type { MessageTables } from '../store/tables.ts';

const PAGE_SIZE = 20;

/** The last messages of a session; a session without any has to exist at least. */
export const listMessages =
  (deps: MessageDeps): ServiceImpl<typeof MessageService>['listMessages'] =>
  async (request) => {
    const before = request.pageToken === '' ? undefined : startOf(request.pageToken);
    const size = request.pageSize || PAGE_SIZE;
    const db = deps.db.of<MessageTables>();
    const found = await lastMessages(db, currentTenant(), request.session, size + 1, before);
    if (found.length === 0) await deps.sessions.getSession({ sessionId: request.session });
    const page = found.slice(-size);
    const [first] = page;
    return {
      messages: page.map(({ message }) => message),
      nextPageToken: found.length > size && first ? pageToken(first.place) : '',
    };
  };

function startOf(token: string): Place {
  const place = placeOf(token);
  if (!place)
    throw refuse(ErrorReason.INVALID_ARGUMENT, 'page_token is none that was given out', { field: 'page_token' });
  return place;
}
