import { createHash } from 'node:crypto';

/** What makes two contents equal: NFKC, white space collapsed to single blanks, none at the edges. SHA-256 in hex. */
export function contentHash(content: string): string {
  const comparable = content.normalize('NFKC').replace(/\s+/gu, ' ').trim();
  return createHash('sha256').update(comparable).digest('hex');
}
