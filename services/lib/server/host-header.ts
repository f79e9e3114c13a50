import type { IncomingMessage } from 'node:http';
import { ErrorReason, refuse } from '../errors/refuse.ts';

/** What load balancers ask, often without a Host header. */
const HEALTH = /^\/(?:health|api\/health|livez|readyz)?(?:\?|$)/;
const RPC = /^\/(?:autosession|grpc)\./;

/**
 * Throws INVALID_ARGUMENT for a request that names no host, or none that is one. HTTP/1.0 may leave it out, but RPCs make a URL
 * of it.
 */
export function assertHost({ headers: { host }, httpVersion, url = '' }: IncomingMessage): void {
  if (!host) {
    if (HEALTH.test(url) || (httpVersion === '1.0' && !RPC.test(url))) return;
  } else if (URL.canParse(`http://${host}/`)) return;
  throw refuse(ErrorReason.INVALID_ARGUMENT, 'the request names no valid host', { field: 'host' });
}
