import { createHash } from 'node:crypto';
import { MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import { foldText } from '../../lib/text/fold.ts';
import type { Side } from './side.ts';

/** What is known of a message's content: its hash and, once a different content arrives, the content itself. */
export interface KnownContent {
  readonly contentHash: string;
  readonly content?: string;
}

/** Identifies a content under its message id: its side and the exact text, whatever its time. */
export function contentHash(role: MessageRole, content: string): string {
  return createHash('sha256').update(`${MessageRole[role]}\n${content}`).digest('hex');
}

/**
 * Whether a stored message has the same content as this element: the exact content, or, if the stored content is given, one
 * that looks the same. While the side of either is unsure, a different side alone is no difference: re-evaluating the side does
 * not change the message.
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
