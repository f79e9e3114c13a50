import { createHash } from 'node:crypto';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type ListSessionsRequest,
  ListSessionsRequestSchema,
} from '../../../gen/autosession/conversation/v1/session_detail_service_pb.js';
import type { SessionCursor, SessionCursorSchema } from '../../../gen/autosession/session/v1/session_service_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';

const TOKEN = /^([\w-]{12})\.(\d)\.(\d{0,15})\.([a-z0-9_]{1,50})$/;

/** The token of the page behind the cursor, for the filters and the order of the request only. */
export function encodePageToken(
  request: ListSessionsRequest,
  { part, waitingSince, sessionId }: SessionCursor,
): string {
  const since = waitingSince ? timestampMs(waitingSince) : '';
  return Buffer.from(`${listKey(request)}.${part}.${since}.${sessionId}`).toString('base64url');
}

/** The cursor of the request's token; undefined without one. Throws INVALID_ARGUMENT for a token of another list. */
export function decodePageToken(
  request: ListSessionsRequest,
): MessageInitShape<typeof SessionCursorSchema> | undefined {
  const { pageToken } = request;
  if (pageToken === '') return undefined;
  const [, key, part, since, sessionId] = TOKEN.exec(Buffer.from(pageToken, 'base64url').toString('latin1')) ?? [];
  if (key === undefined) throw invalidToken('page_token is not a next_page_token');
  if (key !== listKey(request)) throw invalidToken('page_token is of a list with other filters or another order');
  return { part: Number(part), sessionId, waitingSince: since ? timestampFromMs(Number(since)) : undefined };
}

/** Equal for requests with the same filters and the same order. */
function listKey(request: ListSessionsRequest): string {
  const list = create(ListSessionsRequestSchema, { ...request, pageSize: 0, pageToken: '' });
  const hash = createHash('sha256').update(toBinary(ListSessionsRequestSchema, list));
  return hash.digest('base64url').slice(0, 12);
}

function invalidToken(text: string) {
  return appError(ErrorReason.INVALID_ARGUMENT, text, { field: 'page_token' });
}
