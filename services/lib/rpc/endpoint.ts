import type { ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, createClient } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { Health, HealthCheckResponse_ServingStatus as Status } from '../../../gen/grpc/health/v1/health_pb.js';
import type { EndpointAddress } from './resolve-endpoints.ts';

/** How patient a connection is, in milliseconds. */
export interface ConnectionTimeouts {
  /** For the connection, and for the first word about its health. */
  readonly connectTimeoutMs: number;
  /** A connection that was silent for so long is asked whether it lives. */
  readonly pingIntervalMs: number;
  /** Without an answer to that it is dead, and with it all that runs over it. */
  readonly pingTimeoutMs: number;
  /** After a failure the instance is tried again after this, then after twice as long each time. */
  readonly minRetryDelayMs: number;
  /** But never later than this. */
  readonly maxRetryDelayMs: number;
}

/** A connection without calls is closed after this; health is watched over those that are in use. */
const IDLE_TIMEOUT_MS = 10_000;

/**
 * One instance of a service: its connection, and whether it takes calls. It does while the stream of its health service
 * says SERVING, so that a stopping instance, a dead one and a frozen one are all skipped, and found again.
 */
export class Endpoint {
  readonly address: EndpointAddress;
  readonly sessionManager: Http2SessionManager;
  #serving = false;
  #watch = new AbortController();
  /** Resolved when the instance, asked last, has said how it is, or has not answered. */
  #healthKnown = Promise.withResolvers<void>();
  /** Ends the pause before it is asked again. */
  #skipBackoff = new AbortController();
  readonly #stop = new AbortController();
  readonly #timeouts: ConnectionTimeouts;
  readonly #onChange: () => void;
  readonly #health: Client<typeof Health>;

  /** `changed` is called whenever `serving` has changed. */
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

  /** Opens a request; what it resolves with may not have left yet. Throws when there is no connection to be had. */
  request(path: string, headers: OutgoingHttpHeaders): Promise<ClientHttp2Stream> {
    return this.sessionManager.request('POST', path, headers, {});
  }

  /** The time since it last began to say how it is. */
  get connectionEpoch(): object {
    return this.#watch;
  }

  /** Says that a call of this term was lost: the instance gets no other one until it has said again that it serves. */
  markUnhealthy(connectionEpoch: object): void {
    if (connectionEpoch !== this.#watch) return;
    this.#watch.abort();
    this.#setServing(false);
  }

  /** Takes no new calls; those under way go on. */
  drain(): void {
    this.#stop.abort();
  }

  /** Whether something runs over its connection. */
  get isInUse(): boolean {
    return ['open', 'verifying', 'connecting'].includes(this.sessionManager.state());
  }

  /** Ends it with all calls under way. */
  close(): void {
    this.drain();
    this.sessionManager.abort();
  }

  /** Asks an instance that does not serve anew, if it is not being asked; resolves when it is known how it is. */
  recheck(): Promise<void> {
    this.#skipBackoff.abort();
    return this.#healthKnown.promise;
  }

  async #keepWatching(): Promise<void> {
    const { minRetryDelayMs, maxRetryDelayMs } = this.#timeouts;
    let retryDelayMs = minRetryDelayMs;
    while (!this.#stop.signal.aborted) {
      if (await this.#watchOnce()) retryDelayMs = minRetryDelayMs;
      this.#healthKnown.resolve();
      this.#healthKnown = Promise.withResolvers();
      this.#skipBackoff = new AbortController();
      await delay(minRetryDelayMs, undefined, { signal: this.#stop.signal }).catch(() => {});
      const anySignal = AbortSignal.any([this.#skipBackoff.signal, this.#stop.signal]);
      await delay(retryDelayMs - minRetryDelayMs, undefined, { signal: anySignal }).catch(() => {});
      retryDelayMs = Math.min(retryDelayMs * 2, maxRetryDelayMs);
    }
    this.#healthKnown.resolve();
  }

  /** Follows the instance's health until that ends; returns whether it served meanwhile. */
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
      // Whatever ended it, the instance is asked again.
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
