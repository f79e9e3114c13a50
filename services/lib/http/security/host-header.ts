import type { IncomingMessage } from 'node:http';
import { appError, ErrorReason } from '../../errors/app-error.ts';

/** Paths that load balancers request, often without a Host header. */
const HEALTH_PATH = /^\/(?:health|api\/health|livez|readyz)?(?:\?|$)/;
const RPC_PATH = /^\/(?:autosession|grpc)\./;

/**
 * Throws INVALID_ARGUMENT for a request that names no host, or an invalid one. HTTP/1.0 allows a request without a host, but
 * RPCs need one for their URL.
 */
export function assertValidHost({ headers: { host }, httpVersion, url = '' }: IncomingMessage): void {
  if (!host) {
    if (HEALTH_PATH.test(url) || (httpVersion === '1.0' && !RPC_PATH.test(url))) return;
  } else if (URL.canParse(`http://${host}/`)) return;
  throw appError(ErrorReason.INVALID_ARGUMENT, 'the request names no valid host', { field: 'host' });
}
