import { createHash } from 'node:crypto';
import { MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import { foldText } from '../../lib/text/fold.ts';
import type { Side } from './side.ts';

/** A content under a message id as it is known: its hash and, once they differ, the content itself. */
export interface KnownContent {
  readonly contentHash: string;
  readonly content?: string;
}

/** Identifies a content under its message id: the side that said it and the very content, whenever it was said. */
export function contentHash(role: MessageRole, content: string): string {
  return createHash('sha256').update(`${MessageRole[role]}\n${content}`).digest('hex');
}

/**
 * Whether a stored message says the same as this element: the same content, or, once the stored content is given, one that
 * looks the same. As long as either was not sure whose side it is on, another side alone makes no difference: a side that was
 * only judged anew is no change of the message.
 */
export function sameContent(stored: KnownContent & { readonly unsure: boolean }, side: Side, content: string): boolean {
  const roles = stored.unsure || side.unsure ? [MessageRole.ACCOUNT, MessageRole.SHOP] : [side.role];
  return roles.some((role) => saysSame(stored, role, content));
}

/** Whether the content is the known one of this side, or looks like it. */
export function saysSame(known: KnownContent, role: MessageRole, content: string): boolean {
  if (known.contentHash === contentHash(role, content)) return true;
  if (known.content === undefined || known.contentHash !== contentHash(role, known.content)) return false;
  return foldText(known.content) === foldText(content);
}
