import { createHash } from 'node:crypto';
import { foldText } from '../../lib/text/fold-text.ts';
import { nfkc } from '../../lib/text/nfkc.ts';

/**
 * The hash of the content in NFKC with white space collapsed. It detects repeated commands, is stored on the receipts of all
 * releases, and is what earlier releases look up.
 */
export function contentHash(content: string): string {
  return sha256(nfkc(content).replace(/\s+/gu, ' ').trim());
}

/** The hash of the visible text. A content without visible characters equals only itself. */
export function foldedHash(content: string): string {
  const folded = foldText(content);
  return sha256(folded === '' ? `unseen\n${content}` : folded);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
