import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { appError, ErrorReason } from '../../errors/app-error.ts';

/**
 * Throws INVALID_ARGUMENT for a request that names two hosts: with several Host headers, in a request line that has a whole URL,
 * or over HTTP/2 in a Host header that differs from `:authority`. A proxy in front may have routed or allowed it by the other one.
 */
export function assertSingleHost({ rawHeaders, headers, url = '' }: IncomingMessage | Http2ServerRequest): void {
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  const authority = headers[':authority'];
  const differs = authority !== undefined && headers.host !== undefined && headers.host !== authority;
  if (hosts > 1 || differs || !namesHost(url, headers.host))
    throw appError(ErrorReason.INVALID_ARGUMENT, 'the request names more than one host', { field: 'host' });
}

/** Whether the host in a request line with a whole URL is the one of the Host header; most request lines name none. */
function namesHost(url: string, host: string | undefined): boolean {
  if (host === undefined || !/^https?:/i.test(url)) return true;
  return hostOf(url) !== undefined && hostOf(url) === hostOf(`http://${host}`);
}

function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).host : undefined;
}
