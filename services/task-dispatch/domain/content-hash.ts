import { createHash } from 'node:crypto';
import { foldText } from '../../lib/text/fold.ts';
import { nfkc } from '../../lib/text/nfkc.ts';

/**
 * The hash of NFKC with white space collapsed. It tells repeats of a command, stands on the receipts of every release, and is
 * what earlier releases look for.
 */
export function contentHash(content: string): string {
  return sha256(nfkc(content).replace(/\s+/gu, ' ').trim());
}

/**
 * The hash of what a reader sees of a content. One of which nothing is seen equals itself only, and not every other such one.
 */
export function foldedHash(content: string): string {
  const folded = foldText(content);
  return sha256(folded === '' ? `unseen\n${content}` : folded);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
