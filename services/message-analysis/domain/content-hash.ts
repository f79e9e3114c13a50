import { createHash } from 'node:crypto';
import { MessageRole } from '../../../gen/autosession/message/v1/message_pb.js';
import { foldText } from '../../lib/text/fold-text.ts';
import type { SenderRole } from './sender-role.ts';

/** The known content of a message: its hash and, once a different content arrives, the content itself. */
export interface ContentFingerprint {
  readonly contentHash: string;
  readonly content?: string;
}

/** Identifies a content under its message id: by role and exact text, not by time. */
export function hashContent(role: MessageRole, content: string): string {
  return createHash('sha256').update(`${MessageRole[role]}\n${content}`).digest('hex');
}

/**
 * Whether a stored message has the same content as this element: the exact content, or, if the stored content is given, one
 * that looks the same. While the role of either is unsure, a different role alone is no difference: resolving the role again
 * does not change the message.
 */
export function isSameMessage(
  stored: ContentFingerprint & { readonly unsure: boolean },
  sender: SenderRole,
  content: string,
): boolean {
  const roles = stored.unsure || sender.unsure ? [MessageRole.ACCOUNT, MessageRole.SHOP] : [sender.role];
  return roles.some((role) => matchesContent(stored, role, content));
}

/** Whether the content is the known one of this role, or looks like it. */
export function matchesContent(fingerprint: ContentFingerprint, role: MessageRole, content: string): boolean {
  if (fingerprint.contentHash === hashContent(role, content)) return true;
  if (fingerprint.content === undefined || fingerprint.contentHash !== hashContent(role, fingerprint.content))
    return false;
  return foldText(fingerprint.content) === foldText(content);
}
