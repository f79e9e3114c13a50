import { ErrorReason, refuse } from '../../lib/errors/refuse.ts';
import type { Cursor } from '../store/page.ts';

const DEFAULT_SIZE = 20;
const STORED_TIME = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{3}$/;

/** What a list request asks for: how many, and behind which row. Throws INVALID_ARGUMENT for a token that is not ours. */
export function paging({ pageSize, pageToken }: { pageSize: number; pageToken: string }) {
  return { limit: pageSize || DEFAULT_SIZE, after: pageToken ? cursorIn(pageToken) : undefined };
}

/** The token that leads behind a row; empty without one. */
export function pageToken(next: Cursor | undefined): string {
  return next ? Buffer.from(`${next.at}|${next.id}`).toString('base64url') : '';
}

function cursorIn(token: string): Cursor {
  const [at = '', id = '', ...rest] = Buffer.from(token, 'base64url').toString().split('|');
  if (!STORED_TIME.test(at) || !id || rest.length > 0)
    throw refuse(ErrorReason.INVALID_ARGUMENT, 'page_token is not a next_page_token', { field: 'page_token' });
  return { at, id };
}
