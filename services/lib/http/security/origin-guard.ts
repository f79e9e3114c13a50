import { appError, ErrorReason } from '../../errors/app-error.ts';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/** The fetch sites of requests from the port's own pages, or from an address that the user typed. */
const SAME_ORIGIN_SITES = ['same-origin', 'none'];

/** What a browser says about the origin of a request. */
export interface RequestOrigin {
  /** The requested host: the Host header, or `:authority` over HTTP/2. */
  readonly host?: string;
  readonly origin?: string;
  readonly 'sec-fetch-site'?: string | string[];
}

/**
 * Throws PERMISSION_DENIED when a page of another site made a browser on this machine send the request: without API keys a
 * loopback port would be open to every page that its user visits. `Origin` names the page of most requests; `Sec-Fetch-Site`
 * identifies those without one: images, scripts, links and other plain GETs. Other programs send neither. A name that was made
 * to resolve to this machine (DNS rebinding) appears in the host, which every browser sends.
 */
export function assertSameOrigin({ host = '', origin, 'sec-fetch-site': site }: RequestOrigin): void {
  if (host !== '' && !LOOPBACK.test(host))
    throw appError(ErrorReason.PERMISSION_DENIED, 'this port answers to loopback names only');
  const isCrossOrigin =
    (origin !== undefined && originHost(origin) !== host.toLowerCase()) ||
    (site !== undefined && !SAME_ORIGIN_SITES.includes(String(site)));
  if (isCrossOrigin) throw appError(ErrorReason.PERMISSION_DENIED, 'pages of other sites may not call this port');
}

function originHost(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
