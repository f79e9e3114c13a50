import type { IncomingHttpHeaders } from 'node:http';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { invalidArgument } from './decode-field.ts';

/**
 * Throws INVALID_ARGUMENT for a query that is not percent-encoded UTF-8. Node would replace the invalid bytes, and so change a
 * name.
 */
export function assertUtf8Query(url: string): void {
  const start = url.indexOf('?');
  if (start < 0 || !url.includes('%', start)) return;
  try {
    decodeURIComponent(url.slice(start + 1));
  } catch {
    throw invalidArgument('query', 'is not percent-encoded UTF-8');
  }
}

/** Throws UNSUPPORTED_MEDIA_TYPE for a compressed body. */
export function assertUncompressed(headers: IncomingHttpHeaders): void {
  const { 'content-encoding': content = 'identity', 'transfer-encoding': transfer = 'chunked' } = headers;
  if (content.toLowerCase() === 'identity' && transfer.toLowerCase() === 'chunked') return;
  throw appError(
    ErrorReason.UNSUPPORTED_MEDIA_TYPE,
    'compressed bodies are not supported: send the body without Content-Encoding',
  );
}
