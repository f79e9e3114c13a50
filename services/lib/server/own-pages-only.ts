import type { FastifyRequest } from 'fastify';
import { ErrorReason, refuse } from '../errors/refuse.ts';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/**
 * Refuses what a page of another site makes a browser on this machine send: without API keys a loopback port would be open
 * to every page that its user visits. Programs send no Origin and are not concerned; a name that was bent to this machine
 * shows in the Host header.
 */
export async function ownPagesOnly(request: FastifyRequest): Promise<void> {
  const { origin, host = '' } = request.headers;
  if (!LOOPBACK.test(host)) throw refuse(ErrorReason.PERMISSION_DENIED, 'this port answers to loopback names only');
  if (origin !== undefined && originHost(origin) !== host.toLowerCase())
    throw refuse(ErrorReason.PERMISSION_DENIED, 'pages of other sites may not call this port');
}

function originHost(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).host : '';
}
