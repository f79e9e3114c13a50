import { appError, ErrorReason } from '../../lib/errors/app-error.ts';

/** The last task of a page. */
export interface TaskCursor {
  readonly createdAt: number;
  readonly taskId: string;
}

export function encodeTaskCursor({ createdAt, taskId }: TaskCursor): string {
  return Buffer.from(`${createdAt} ${taskId}`).toString('base64url');
}

/** Undefined for an empty token. Throws INVALID_ARGUMENT for a token that was not issued. */
export function decodeTaskCursor(token: string): TaskCursor | undefined {
  if (!token) return undefined;
  const match = /^(\d{1,15}) ([\x21-\x7e]{1,64})$/.exec(Buffer.from(token, 'base64url').toString());
  if (!match?.[1] || !match[2])
    throw appError(ErrorReason.INVALID_ARGUMENT, 'page_token is not a token of this list', { field: 'page_token' });
  return { createdAt: Number(match[1]), taskId: match[2] };
}
