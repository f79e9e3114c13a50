import { isIPv4 } from 'node:net';

/** Whether only this machine can reach a port that listens there. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/**
 * The host under which a browser of this machine reaches a port that listens at an address: `0.0.0.0` and `::` stand for all
 * addresses of the machine, and cannot be opened.
 */
export function reachableHost(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  if (address === '::') return '[::1]';
  return address.includes(':') ? `[${address}]` : address;
}
