import type { IncomingMessage } from 'node:http';
import { ErrorReason, refuse } from '../errors/refuse.ts';

/** Paths that load balancers request, often without a Host header. */
const HEALTH = /^\/(?:health|api\/health|livez|readyz)?(?:\?|$)/;
const RPC = /^\/(?:autosession|grpc)\./;

/**
 * Throws INVALID_ARGUMENT for a request that names no host, or an invalid one. HTTP/1.0 allows a request without a host, but
 * RPCs need one for their URL.
 */
export function assertHost({ headers: { host }, httpVersion, url = '' }: IncomingMessage): void {
  if (!host) {
    if (HEALTH.test(url) || (httpVersion === '1.0' && !RPC.test(url))) return;
  } else if (URL.canParse(`http://${host}/`)) return;
  throw refuse(ErrorReason.INVALID_ARGUMENT, 'the request names no valid host', { field: 'host' });
}
