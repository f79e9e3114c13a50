import { createHash } from 'node:crypto';
import { MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import type { Side } from './side.ts';

/** What tells two contents under one message id apart: the side that said it and what it said, whenever it was. */
export function contentHash(role: MessageRole, content: string): string {
  return createHash('sha256').update(`${MessageRole[role]}\n${content}`).digest('hex');
}

/**
 * Whether a stored message says the same as this element. As long as either was not sure whose side it is on, another side
 * alone makes no difference: a side that was only judged anew is no change of the message.
 */
export function sameContent(
  stored: { readonly contentHash: string; readonly unsure: boolean },
  side: Side,
  content: string,
): boolean {
  if (stored.contentHash === contentHash(side.role, content)) return true;
  if (!stored.unsure && !side.unsure) return false;
  const other = side.role === MessageRole.ACCOUNT ? MessageRole.SHOP : MessageRole.ACCOUNT;
  return stored.contentHash === contentHash(other, content);
}
