import type { IncomingHttpHeaders } from 'node:http';
import { ErrorReason, refuse } from '../../lib/errors/refuse.ts';
import { invalid } from './convert.ts';

/** Throws INVALID_ARGUMENT for a query that is not UTF-8 behind its percent signs; Node would mend it, and a name would be another. */
export function assertReadableQuery(url: string): void {
  const start = url.indexOf('?');
  if (start < 0 || !url.includes('%', start)) return;
  try {
    decodeURIComponent(url.slice(start + 1));
  } catch {
    throw invalid('query', 'is not percent-encoded UTF-8');
  }
}

/** Throws UNSUPPORTED_MEDIA_TYPE for a body that has to be decompressed. */
export function assertUncompressed(headers: IncomingHttpHeaders): void {
  const { 'content-encoding': content = 'identity', 'transfer-encoding': transfer = 'chunked' } = headers;
  if (content.toLowerCase() === 'identity' && transfer.toLowerCase() === 'chunked') return;
  throw refuse(ErrorReason.UNSUPPORTED_MEDIA_TYPE, 'a compressed body is not read: send it without Content-Encoding');
}
