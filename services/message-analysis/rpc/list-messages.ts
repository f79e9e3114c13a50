import type { ServiceImpl } from '@connectrpc/connect';
import type { MessageService } from '../../../gen/autosession/message/v1/message_service_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { isSessionId } from '../../lib/text/session-reference.ts';
import type { MessageDeps } from '../deps.ts';
import { decodeMessageCursor, encodeMessageCursor, type MessageCursor } from '../domain/message-cursor.ts';
import { lastMessages } from '../store/session-messages.ts';
import type { MessageTables } from '../store/tables.ts';

const DEFAULT_PAGE_SIZE = 20;

/** A page of a session's messages, from the newest. A session without messages has to exist: else SESSION_NOT_FOUND. */
export const listMessages =
  (deps: MessageDeps): ServiceImpl<typeof MessageService>['listMessages'] =>
  async (request) => {
    const before = request.pageToken === '' ? undefined : parsePageToken(request.pageToken);
    const size = request.pageSize || DEFAULT_PAGE_SIZE;
    const db = deps.db.autocommit<MessageTables>();
    const sessionId = isSessionId(request.session) ? request.session : await findSessionId(deps, request.session);
    const rows = await lastMessages(db, currentTenant(), sessionId, size + 1, before);
    if (rows.length === 0) await findSessionId(deps, sessionId);
    const page = rows.slice(-size);
    const [first] = page;
    return {
      messages: page.map(({ message }) => message),
      nextPageToken: rows.length > size && first ? encodeMessageCursor(first.place) : '',
    };
  };

/** Throws SESSION_NOT_FOUND. */
async function findSessionId({ sessions }: MessageDeps, reference: string): Promise<string> {
  const { session } = await sessions.getSession({ sessionId: reference });
  return session?.sessionId ?? reference;
}

function parsePageToken(token: string): MessageCursor {
  const cursor = decodeMessageCursor(token);
  if (!cursor)
    throw appError(ErrorReason.INVALID_ARGUMENT, 'page_token is not a next_page_token', { field: 'page_token' });
  return cursor;
}
