import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import type { ListCursor } from '../store/list-page.ts';

const DEFAULT_PAGE_SIZE = 20;
const STORED_TIME = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{3}$/;

/** The page that a list request asks for. Throws INVALID_ARGUMENT for a token that was not issued. */
export function parsePaging({ pageSize, pageToken }: { pageSize: number; pageToken: string }) {
  return { limit: pageSize || DEFAULT_PAGE_SIZE, after: pageToken ? decodeListCursor(pageToken) : undefined };
}

/** The token of the page after a row; empty without one. */
export function encodeListCursor(next: ListCursor | undefined): string {
  return next ? Buffer.from(`${next.at}|${next.id}`).toString('base64url') : '';
}

function decodeListCursor(token: string): ListCursor {
  const [at = '', id = '', ...rest] = Buffer.from(token, 'base64url').toString().split('|');
  if (!STORED_TIME.test(at) || !id || rest.length > 0)
    throw appError(ErrorReason.INVALID_ARGUMENT, 'page_token is not a next_page_token', { field: 'page_token' });
  return { at, id };
}
