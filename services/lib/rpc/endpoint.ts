import type { ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { type Client, createClient } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { Health, HealthCheckResponse_ServingStatus as Status } from '../../../gen/grpc/health/v1/health_pb.js';
import { exponentialBackoff } from '../runtime/backoff.ts';
import { sleep } from '../runtime/sleep.ts';
import type { EndpointAddress } from './resolve-endpoints.ts';

/** The timeouts of a connection, in milliseconds. */
export interface ConnectionTimeouts {
  /** For the connection, and for the first health status. */
  readonly connectTimeoutMs: number;
  /** A connection that was silent for this long is pinged. */
  readonly pingIntervalMs: number;
  /** A ping that is not answered within this ends the connection and its calls. */
  readonly pingTimeoutMs: number;
  /** The first back-off after a failure; it doubles with each further one. */
  readonly minRetryDelayMs: number;
  /** The longest back-off. */
  readonly maxRetryDelayMs: number;
}

/** A connection without calls is closed after this; health is watched over those that are in use. */
const IDLE_TIMEOUT_MS = 10_000;

/**
 * One instance of a service: its connection, and whether it serves. It serves while its health stream says SERVING: an instance
 * that stops, fails or hangs is skipped, and used again when it recovers.
 */
export class Endpoint {
  readonly address: EndpointAddress;
  readonly sessionManager: Http2SessionManager;
  #serving = false;
  #watch = new AbortController();
  /** Resolves when the running health check has its first status, or has failed. */
  #healthKnown = Promise.withResolvers<void>();
  /** Ends the back-off before the next health check. */
  #skipBackoff = new AbortController();
  readonly #stop = new AbortController();
  readonly #timeouts: ConnectionTimeouts;
  readonly #onChange: () => void;
  readonly #health: Client<typeof Health>;

  /** `onChange` is called whenever `serving` has changed. */
  constructor(address: EndpointAddress, timeouts: ConnectionTimeouts, onChange: () => void) {
    this.address = address;
    this.#timeouts = timeouts;
    this.#onChange = onChange;
    this.sessionManager = new Http2SessionManager(
      address.origin,
      {
        pingIntervalMs: timeouts.pingIntervalMs,
        pingTimeoutMs: timeouts.pingTimeoutMs,
        idleConnectionTimeoutMs: IDLE_TIMEOUT_MS,
      },
      { createConnection: () => boundedConnect(address, timeouts.connectTimeoutMs) },
    );
    this.#health = createClient(
      Health,
      createConnectTransport({ baseUrl: address.origin, httpVersion: '2', sessionManager: this.sessionManager }),
    );
    void this.#keepWatching();
  }

  get serving(): boolean {
    return this.#serving;
  }

  /** Opens a request, which may not be sent yet when this resolves. Throws when there is no connection. */
  request(path: string, headers: OutgoingHttpHeaders): Promise<ClientHttp2Stream> {
    return this.sessionManager.request('POST', path, headers, {});
  }

  /** Identifies the running health stream; another one begins after each failure. */
  get connectionEpoch(): object {
    return this.#watch;
  }

  /** Reports that a call of this epoch was lost: the instance gets no further calls until its next health stream says SERVING. */
  markUnhealthy(connectionEpoch: object): void {
    if (connectionEpoch !== this.#watch) return;
    this.#watch.abort();
    this.#setServing(false);
  }

  /** Ends the health checks: no new calls; running ones continue. */
  drain(): void {
    this.#stop.abort();
  }

  /** Whether its connection is open. */
  get isInUse(): boolean {
    return ['open', 'verifying', 'connecting'].includes(this.sessionManager.state());
  }

  /** Ends the connection and all its calls. */
  close(): void {
    this.drain();
    this.sessionManager.abort();
  }

  /** Checks the health of an instance that does not serve without waiting for the back-off; resolves when it is known. */
  recheck(): Promise<void> {
    this.#skipBackoff.abort();
    return this.#healthKnown.promise;
  }

  async #keepWatching(): Promise<void> {
    const { minRetryDelayMs, maxRetryDelayMs } = this.#timeouts;
    let failures = 0;
    while (!this.#stop.signal.aborted) {
      failures = (await this.#watchOnce()) ? 1 : failures + 1;
      this.#healthKnown.resolve();
      this.#healthKnown = Promise.withResolvers();
      this.#skipBackoff = new AbortController();
      await sleep(minRetryDelayMs, this.#stop.signal);
      const anySignal = AbortSignal.any([this.#skipBackoff.signal, this.#stop.signal]);
      await sleep(exponentialBackoff(failures, minRetryDelayMs, maxRetryDelayMs) - minRetryDelayMs, anySignal);
    }
    this.#healthKnown.resolve();
  }

  /** Follows the health stream until it ends; returns whether the instance served meanwhile. */
  async #watchOnce(): Promise<boolean> {
    const watch = new AbortController();
    const silenceTimer = setTimeout(() => watch.abort(), this.#timeouts.connectTimeoutMs);
    let served = false;
    this.#watch = watch;
    try {
      const signal = AbortSignal.any([watch.signal, this.#stop.signal]);
      for await (const { status } of this.#health.watch({}, { signal })) {
        clearTimeout(silenceTimer);
        if (!signal.aborted) this.#setServing(status === Status.SERVING);
        this.#healthKnown.resolve();
        served ||= this.#serving;
      }
    } catch {
      // the health is checked again after any error
    } finally {
      clearTimeout(silenceTimer);
      this.#setServing(false);
    }
    return served;
  }

  #setServing(serving: boolean): void {
    if (serving === this.#serving) return;
    this.#serving = serving;
    this.#onChange();
  }
}

function boundedConnect({ ip, port }: EndpointAddress, connectTimeoutMs: number): Socket {
  const socket = connect({ host: ip, port, noDelay: true });
  const timer = setTimeout(
    () => socket.destroy(Object.assign(new Error(`no connection to ${ip}:${port}`), { code: 'ETIMEDOUT' })),
    connectTimeoutMs,
  );
  const settled = () => clearTimeout(timer);
  socket.once('connect', settled).once('close', settled);
  return socket;
}
