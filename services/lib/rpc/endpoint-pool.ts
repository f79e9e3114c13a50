import { setTimeout as delay } from 'node:timers/promises';
import type { ConnectError } from '@connectrpc/connect';
import { appError, ErrorReason } from '../errors/app-error.ts';
import type { Logger } from '../observability/logger.ts';
import { type ConnectionTimeouts, Endpoint } from './endpoint.ts';
import type { EndpointAddress } from './resolve-endpoints.ts';

/** How the instances of a service are found and waited for; times in milliseconds. */
export interface EndpointPoolOptions extends ConnectionTimeouts {
  /** `http://host:port`, one or more. */
  readonly addresses: readonly string[];
  /** How often names are resolved again. */
  readonly resolveIntervalMs: number;
  /** Resolves an address; replaced in tests. */
  readonly resolve: (address: string) => Promise<EndpointAddress[]>;
  /** Logs when instances become healthy and unhealthy. */
  readonly logger?: Logger;
  /** How long calls wait for an instance, counted from when the last one stopped serving. */
  readonly waitForReadyMs: number;
}

/** The instances of a service, picked in turn. */
export class EndpointPool implements AsyncDisposable {
  readonly #options: EndpointPoolOptions;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #draining = new Set<Endpoint>();
  readonly #stop = new AbortController();
  /** Connection epochs in which a mismatch was logged: in the next one the instance may be another process. */
  readonly #secretMismatches = new WeakSet<object>();
  #serving: Endpoint[] = [];
  #nextIndex = 0;
  #unavailableSince = performance.now();
  #servingSignal = Promise.withResolvers<void>();

  constructor(options: EndpointPoolOptions) {
    this.#options = options;
    void this.#keepResolving();
  }

  /**
   * The next serving instance, in turn; one of `avoid` only when there is no other. Without any it waits for `waitForReadyMs`, or,
   * when that has passed, only until the health of all was checked again. Throws SERVICE_UNAVAILABLE when none serves, and the
   * signal's reason when it aborts.
   */
  async pick(avoid: ReadonlySet<Endpoint>, signal: AbortSignal): Promise<Endpoint> {
    for (let rechecked = false; ; ) {
      signal.throwIfAborted();
      const endpoint = this.#nextServing(avoid);
      if (endpoint) return endpoint;
      if (rechecked || this.#stop.signal.aborted) throw unavailable(this.#options.addresses);
      const left = this.#unavailableSince + this.#options.waitForReadyMs - performance.now();
      rechecked = left <= 0;
      await (rechecked ? this.#recheck(signal) : this.#waitForServing(left, signal));
    }
  }

  /** Whether an instance outside of `excluded` serves. */
  hasAlternative(excluded: ReadonlySet<Endpoint>): boolean {
    return this.#serving.some((endpoint) => !excluded.has(endpoint));
  }

  /** Logs that the instance has another internal secret than this process; returns the error for callers. */
  reportSecretMismatch({ address: endpointAddress, connectionEpoch }: Endpoint): ConnectError {
    const line = {
      event: 'peer_secret_mismatch',
      address: endpointAddress.origin,
      peer: `${endpointAddress.ip}:${endpointAddress.port}`,
    };
    if (!this.#secretMismatches.has(connectionEpoch))
      this.#options.logger?.error(line, 'AUTOSESSION_INTERNAL_SECRET differs between this process and the instance');
    this.#secretMismatches.add(connectionEpoch);
    return unavailable([endpointAddress.origin]);
  }

  /** Ends all calls under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const endpoint of [...this.#endpoints.values(), ...this.#draining]) endpoint.close();
  }

  #nextServing(avoid: ReadonlySet<Endpoint>): Endpoint | undefined {
    const count = this.#serving.length;
    for (let offset = 0; offset < count; offset += 1) {
      const endpoint = this.#serving[this.#nextIndex++ % count];
      if (endpoint && !avoid.has(endpoint)) return endpoint;
    }
    return this.#serving[this.#nextIndex++ % count];
  }

  /** Checks the health of all instances now; resolves when one serves, or the health of all is known. */
  async #recheck(signal: AbortSignal): Promise<void> {
    const all = Promise.all([...this.#endpoints.values()].map((endpoint) => endpoint.recheck()));
    const done = new AbortController();
    const anySignal = AbortSignal.any([signal, done.signal]);
    await Promise.race([all, this.#waitForServing(this.#options.connectTimeoutMs, anySignal)]);
    done.abort();
  }

  /** Resolves when an instance serves, or after `ms`. To be called while none serves. */
  async #waitForServing(ms: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const anySignal = AbortSignal.any([signal, this.#stop.signal, over.signal]);
    await Promise.race([this.#servingSignal.promise, delay(ms, undefined, { signal: anySignal }).catch(() => {})]);
    over.abort();
  }

  #onChange(): void {
    const before = this.#serving.length;
    this.#serving = [...this.#endpoints.values()].filter(({ serving }) => serving);
    if (before > 0 && this.#serving.length === 0) this.#unavailableSince = performance.now();
    // also called when the addresses were resolved again: that must not end a recheck before the health is known
    if (this.#serving.length === 0) return;
    this.#servingSignal.resolve();
    this.#servingSignal = Promise.withResolvers();
  }

  async #keepResolving(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const found = await Promise.all(this.#options.addresses.map((address) => this.#resolve(address)));
      if (this.#stop.signal.aborted) return;
      this.#update(found.flat());
      const { resolveIntervalMs, maxRetryDelayMs } = this.#options;
      const pause = this.#serving.length > 0 ? resolveIntervalMs : Math.min(resolveIntervalMs, maxRetryDelayMs);
      await delay(pause, undefined, { signal: this.#stop.signal }).catch(() => {});
    }
  }

  /** The addresses of a name; the last known ones while it cannot be resolved. */
  #resolve(address: string): Promise<EndpointAddress[]> {
    const { origin } = new URL(address);
    const lastKnown = () =>
      [...this.#endpoints.values()]
        .map(({ address: endpointAddress }) => endpointAddress)
        .filter((t) => t.origin === origin);
    return this.#options.resolve(address).catch(lastKnown);
  }

  #update(endpointAddresses: readonly EndpointAddress[]): void {
    const wanted = new Map(
      endpointAddresses.map((endpointAddress) => [`${endpointAddress.ip} ${endpointAddress.port}`, endpointAddress]),
    );
    for (const [key, endpoint] of this.#endpoints) {
      if (wanted.has(key)) continue;
      this.#endpoints.delete(key);
      this.#draining.add(endpoint);
      endpoint.drain();
    }
    for (const [key, endpointAddress] of wanted)
      if (!this.#endpoints.has(key)) this.#endpoints.set(key, this.#createEndpoint(endpointAddress));
    for (const endpoint of this.#draining) if (!endpoint.isInUse) this.#draining.delete(endpoint);
    this.#onChange();
  }

  #createEndpoint(endpointAddress: EndpointAddress): Endpoint {
    const endpoint = new Endpoint(endpointAddress, this.#options, () => {
      this.#onChange();
      if (this.#stop.signal.aborted) return;
      const line = { address: endpointAddress.origin, peer: `${endpointAddress.ip}:${endpointAddress.port}` };
      if (endpoint.serving) this.#options.logger?.info({ event: 'peer_healthy', ...line });
      else this.#options.logger?.warn({ event: 'peer_unhealthy', ...line });
    });
    return endpoint;
  }
}

/** The addresses are in the cause only: callers see the text. */
function unavailable(addresses: readonly string[]) {
  const cause = new Error(`no instance serves at ${addresses.join(', ')}`);
  return appError(ErrorReason.SERVICE_UNAVAILABLE, 'a service does not answer; a repeat is harmless', {}, cause);
}
