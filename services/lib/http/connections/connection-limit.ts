import type { Server, Socket } from 'node:net';
import type { Logger } from '../../observability/logger.ts';
import type { Metrics } from '../../observability/metrics.ts';
import type { PortName } from '../admission/load-shedding.ts';

/** The time between two log lines about refused connections. */
const LOG_INTERVAL_MS = 10_000;

/**
 * Bounds the connections that one address may have open, on both ports together; further ones are closed at once. An IPv6
 * network of 64 bits counts as one address, because its owner can use all of it.
 */
export class ConnectionLimit {
  readonly #maxPerAddress: number;
  readonly #logger: Logger;
  readonly #metrics: Pick<Metrics, 'connectionsRefused'>;
  readonly #open = new Map<string, number>();
  #loggedAt = Number.NEGATIVE_INFINITY;

  constructor(
    maxPerAddress: number,
    { logger, metrics }: { logger: Logger; metrics: Pick<Metrics, 'connectionsRefused'> },
  ) {
    this.#maxPerAddress = maxPerAddress;
    this.#logger = logger;
    this.#metrics = metrics;
  }

  /** Bounds the connections of a server. */
  attach(server: Server, port: PortName): void {
    server.prependListener('connection', (socket: Socket) => this.#admit(socket, port));
  }

  #admit(socket: Socket, port: PortName): void {
    const address = networkOf(socket.remoteAddress ?? '');
    const open = this.#open.get(address) ?? 0;
    if (open >= this.#maxPerAddress) {
      socket.destroy();
      this.#reportRefused(address, port);
      return;
    }
    this.#open.set(address, open + 1);
    socket.once('close', () => {
      const left = (this.#open.get(address) ?? 1) - 1;
      if (left > 0) this.#open.set(address, left);
      else this.#open.delete(address);
    });
  }

  #reportRefused(address: string, port: PortName): void {
    this.#metrics.connectionsRefused.inc({ port });
    const now = performance.now();
    if (now - this.#loggedAt < LOG_INTERVAL_MS) return;
    this.#loggedAt = now;
    const line = { event: 'connections_refused', address, open: this.#maxPerAddress };
    this.#logger.warn(
      line,
      'an address has reached its limit of connections (AUTOSESSION_MAX_CONNECTIONS_PER_ADDRESS)',
    );
  }
}

/** The address, as IPv4 where it is one; for IPv6 its first 64 bits. */
export function networkOf(address: string): string {
  const v4 = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (v4 || !address.includes(':')) return v4 ?? address;
  const [head = '', tail] = (address.split('%', 1)[0] ?? '').split('::', 2);
  const groups = head.split(':').filter(Boolean);
  const tailGroups = tail?.split(':').filter(Boolean) ?? [];
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - groups.length - tailGroups.length }, () => '0');
  return `${[...groups, ...zeros, ...tailGroups].slice(0, 4).join(':')}::/64`;
}
