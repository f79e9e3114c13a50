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
  /** Names are looked up again this often. */
  readonly resolveIntervalMs: number;
  /** Finds what is behind an address; stands in for the name service in tests. */
  readonly resolve: (address: string) => Promise<EndpointAddress[]>;
  /** Is told when instances begin and cease to serve. */
  readonly logger?: Logger;
  /** A call waits for an instance only while it is not longer than this that none served. */
  readonly waitForReadyMs: number;
}

/** The instances behind some addresses, and whose turn it is. */
export class EndpointPool implements AsyncDisposable {
  readonly #options: EndpointPoolOptions;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #draining = new Set<Endpoint>();
  readonly #stop = new AbortController();
  /** Terms in which an instance was told of: its process may be another one in the next. */
  readonly #secretMismatches = new WeakSet<object>();
  #serving: Endpoint[] = [];
  #nextIndex = 0;
  #unavailableSince = performance.now();
  #changeSignal = Promise.withResolvers<void>();

  constructor(options: EndpointPoolOptions) {
    this.#options = options;
    void this.#keepResolving();
  }

  /**
   * The next instance that serves, in turn; one of `avoid` only when there is no other. When there is none at all it waits a
   * little, as after a restart, or, when that has been so for long, only until they were asked anew. Throws
   * SERVICE_UNAVAILABLE when none can be had, and the signal's reason when that fires.
   */
  async pick(avoid: ReadonlySet<Endpoint>, signal: AbortSignal): Promise<Endpoint> {
    for (let rechecked = false; ; ) {
      signal.throwIfAborted();
      const endpoint = this.#nextServing(avoid);
      if (endpoint) return endpoint;
      if (rechecked || this.#stop.signal.aborted) throw unavailable(this.#options.addresses);
      const left = this.#unavailableSince + this.#options.waitForReadyMs - performance.now();
      rechecked = left <= 0;
      await (rechecked ? this.#recheck(signal) : this.#waitForChange(left, signal));
    }
  }

  /** Whether an instance serves that is not among these. */
  hasAlternative(excluded: ReadonlySet<Endpoint>): boolean {
    return this.#serving.some((endpoint) => !excluded.has(endpoint));
  }

  /** Tells the log that the instance does not know this process for one of its installation; returns what callers are told. */
  reportSecretMismatch({ address: endpointAddress, connectionEpoch }: Endpoint): ConnectError {
    const line = {
      event: 'peer_secret_mismatch',
      address: endpointAddress.origin,
      peer: `${endpointAddress.ip}:${endpointAddress.port}`,
    };
    if (!this.#secretMismatches.has(connectionEpoch))
      this.#options.logger?.error(line, 'AUTOSESSION_INTERNAL_SECRET is not the same here and there');
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

  /** Has all instances asked how they are now. */
  async #recheck(signal: AbortSignal): Promise<void> {
    const all = Promise.all([...this.#endpoints.values()].map((endpoint) => endpoint.recheck()));
    const done = new AbortController();
    const anySignal = AbortSignal.any([signal, done.signal]);
    await Promise.race([all, this.#waitForChange(this.#options.connectTimeoutMs, anySignal)]);
    done.abort();
  }

  /** Resolves when an instance began or ceased to serve, or after `ms`. */
  async #waitForChange(ms: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const anySignal = AbortSignal.any([signal, this.#stop.signal, over.signal]);
    await Promise.race([this.#changeSignal.promise, delay(ms, undefined, { signal: anySignal }).catch(() => {})]);
    over.abort();
  }

  #onChange(): void {
    const before = this.#serving.length;
    this.#serving = [...this.#endpoints.values()].filter(({ serving }) => serving);
    if (before > 0 && this.#serving.length === 0) this.#unavailableSince = performance.now();
    this.#changeSignal.resolve();
    this.#changeSignal = Promise.withResolvers();
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

  /** What a name stands for; when it is not known at the moment, what it last stood for. */
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

/** Where it was looked for stays inside: the text goes out to callers. */
function unavailable(addresses: readonly string[]) {
  const cause = new Error(`no instance serves at ${addresses.join(', ')}`);
  return appError(ErrorReason.SERVICE_UNAVAILABLE, 'a service does not answer; a repeat is harmless', {}, cause);
}
