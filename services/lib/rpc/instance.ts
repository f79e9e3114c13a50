import type { ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, createClient } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { Health, HealthCheckResponse_ServingStatus as Status } from '../../../gen/grpc/health/v1/health_pb.js';
import type { Target } from './resolve.ts';

/** How patient a connection is, in milliseconds. */
export interface ConnectionTimes {
  /** For the connection, and for the first word about its health. */
  readonly connectMs: number;
  /** A connection that was silent for so long is asked whether it lives. */
  readonly pingMs: number;
  /** Without an answer to that it is dead, and with it all that runs over it. */
  readonly pingTimeoutMs: number;
  /** After a failure the instance is tried again after this, then after twice as long each time. */
  readonly firstRetryMs: number;
  /** But never later than this. */
  readonly lastRetryMs: number;
}

/** A connection without calls is closed after this; health is watched over those that are in use. */
const IDLE_MS = 10_000;

/**
 * One instance of a service: its connection, and whether it takes calls. It does while the stream of its health service
 * says SERVING, so that a stopping instance, a dead one and a frozen one are all skipped, and found again.
 */
export class Instance {
  readonly target: Target;
  readonly manager: Http2SessionManager;
  #serving = false;
  #watch = new AbortController();
  /** Resolved when the instance, asked last, has said how it is, or has not answered. */
  #word = Promise.withResolvers<void>();
  /** Ends the pause before it is asked again. */
  #hurry = new AbortController();
  readonly #stop = new AbortController();
  readonly #times: ConnectionTimes;
  readonly #changed: () => void;
  readonly #health: Client<typeof Health>;

  /** `changed` is called whenever `serving` has changed. */
  constructor(target: Target, times: ConnectionTimes, changed: () => void) {
    this.target = target;
    this.#times = times;
    this.#changed = changed;
    this.manager = new Http2SessionManager(
      target.origin,
      { pingIntervalMs: times.pingMs, pingTimeoutMs: times.pingTimeoutMs, idleConnectionTimeoutMs: IDLE_MS },
      { createConnection: () => boundedConnect(target, times.connectMs) },
    );
    this.#health = createClient(
      Health,
      createConnectTransport({ baseUrl: target.origin, httpVersion: '2', sessionManager: this.manager }),
    );
    void this.#keepWatching();
  }

  get serving(): boolean {
    return this.#serving;
  }

  /** Opens a request; what it resolves with may not have left yet. Throws when there is no connection to be had. */
  request(path: string, headers: OutgoingHttpHeaders): Promise<ClientHttp2Stream> {
    return this.manager.request('POST', path, headers, {});
  }

  /** The time since it last began to say how it is. */
  get term(): object {
    return this.#watch;
  }

  /** Says that a call of this term was lost: the instance gets no other one until it has said again that it serves. */
  suspect(term: object): void {
    if (term !== this.#watch) return;
    this.#watch.abort();
    this.#set(false);
  }

  /** Takes no new calls; those under way go on. */
  retire(): void {
    this.#stop.abort();
  }

  /** Whether something runs over its connection. */
  get busy(): boolean {
    return ['open', 'verifying', 'connecting'].includes(this.manager.state());
  }

  /** Ends it with all calls under way. */
  close(): void {
    this.retire();
    this.manager.abort();
  }

  /** Asks an instance that does not serve anew, if it is not being asked; resolves when it is known how it is. */
  recheck(): Promise<void> {
    this.#hurry.abort();
    return this.#word.promise;
  }

  async #keepWatching(): Promise<void> {
    const { firstRetryMs, lastRetryMs } = this.#times;
    let retryMs = firstRetryMs;
    while (!this.#stop.signal.aborted) {
      if (await this.#watchOnce()) retryMs = firstRetryMs;
      this.#word.resolve();
      this.#word = Promise.withResolvers();
      this.#hurry = new AbortController();
      await delay(firstRetryMs, undefined, { signal: this.#stop.signal }).catch(() => {});
      const either = AbortSignal.any([this.#hurry.signal, this.#stop.signal]);
      await delay(retryMs - firstRetryMs, undefined, { signal: either }).catch(() => {});
      retryMs = Math.min(retryMs * 2, lastRetryMs);
    }
    this.#word.resolve();
  }

  /** Follows the instance's health until that ends; returns whether it served meanwhile. */
  async #watchOnce(): Promise<boolean> {
    const watch = new AbortController();
    const silent = setTimeout(() => watch.abort(), this.#times.connectMs);
    let served = false;
    this.#watch = watch;
    try {
      const signal = AbortSignal.any([watch.signal, this.#stop.signal]);
      for await (const { status } of this.#health.watch({}, { signal })) {
        clearTimeout(silent);
        if (!signal.aborted) this.#set(status === Status.SERVING);
        this.#word.resolve();
        served ||= this.#serving;
      }
    } catch {
      // Whatever ended it, the instance is asked again.
    } finally {
      clearTimeout(silent);
      this.#set(false);
    }
    return served;
  }

  #set(serving: boolean): void {
    if (serving === this.#serving) return;
    this.#serving = serving;
    this.#changed();
  }
}

function boundedConnect({ ip, port }: Target, connectMs: number): Socket {
  const socket = connect({ host: ip, port, noDelay: true });
  const timer = setTimeout(
    () => socket.destroy(Object.assign(new Error(`no connection to ${ip}:${port}`), { code: 'ETIMEDOUT' })),
    connectMs,
  );
  const settled = () => clearTimeout(timer);
  socket.once('connect', settled).once('close', settled);
  return socket;
}
