import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { ErrorReason, refuse } from '../errors/refuse.ts';

/**
 * Throws INVALID_ARGUMENT for a request that names two hosts: with several Host headers, or over HTTP/2 with one that differs
 * from `:authority`. A proxy in front may have routed or allowed it by the other one.
 */
export function assertOneHost({ rawHeaders, headers }: IncomingMessage | Http2ServerRequest): void {
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  const authority = headers[':authority'];
  const differs = authority !== undefined && headers.host !== undefined && headers.host !== authority;
  if (hosts > 1 || differs)
    throw refuse(ErrorReason.INVALID_ARGUMENT, 'the request names more than one host', { field: 'host' });
}
