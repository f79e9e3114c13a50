import { appError, ErrorReason } from '../../lib/errors/app-error.ts';

/** Where a page of tasks ended: its last task. */
export interface TaskCursor {
  readonly createdAt: number;
  readonly taskId: string;
}

/** The opaque token of a place. */
export function encodeTaskCursor({ createdAt, taskId }: TaskCursor): string {
  return Buffer.from(`${createdAt} ${taskId}`).toString('base64url');
}

/** The place of a token; undefined for an empty one. Throws INVALID_ARGUMENT for anything that `pageToken` did not make. */
export function decodeTaskCursor(token: string): TaskCursor | undefined {
  if (!token) return undefined;
  const match = /^(\d{1,15}) ([\x21-\x7e]{1,64})$/.exec(Buffer.from(token, 'base64url').toString());
  if (!match?.[1] || !match[2])
    throw appError(ErrorReason.INVALID_ARGUMENT, 'page_token is not one of ours', { field: 'page_token' });
  return { createdAt: Number(match[1]), taskId: match[2] };
}
