import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

/** One network address behind a name. */
export interface EndpointAddress {
  /** `http://host:port` as it was configured. */
  readonly origin: string;
  readonly ip: string;
  readonly port: number;
}

/**
 * All network addresses behind `http://host:port`: a name may have several, one per instance. Throws when the name is not
 * known.
 */
export async function resolveEndpoints(address: string): Promise<EndpointAddress[]> {
  const { origin, hostname, port } = new URL(address);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const ips = isIP(host) ? [host] : (await lookup(host, { all: true })).map((found) => found.address);
  return ips.map((ip) => ({ origin, ip, port: Number(port || 80) }));
}
