import { setTimeout as delay } from 'node:timers/promises';
import type { ConnectError } from '@connectrpc/connect';
import { ErrorReason, refuse } from '../errors/refuse.ts';
import type { Logger } from '../log.ts';
import { type ConnectionTimes, Instance } from './instance.ts';
import type { Target } from './resolve.ts';

/** How the instances of a service are found and waited for; times in milliseconds. */
export interface InstanceOptions extends ConnectionTimes {
  /** `http://host:port`, one or more. */
  readonly addresses: readonly string[];
  /** Names are looked up again this often. */
  readonly resolveMs: number;
  /** Finds what is behind an address; stands in for the name service in tests. */
  readonly resolve: (address: string) => Promise<Target[]>;
  /** Is told when instances begin and cease to serve. */
  readonly logger?: Logger;
  /** A call waits for an instance only while it is not longer than this that none served. */
  readonly patienceMs: number;
}

/** The instances behind some addresses, and whose turn it is. */
export class Instances implements AsyncDisposable {
  readonly #options: InstanceOptions;
  readonly #current = new Map<string, Instance>();
  readonly #retired = new Set<Instance>();
  readonly #stop = new AbortController();
  /** Terms in which an instance was told of: its process may be another one in the next. */
  readonly #strangers = new WeakSet<object>();
  #serving: Instance[] = [];
  #turn = 0;
  #noneSince = performance.now();
  #wake = Promise.withResolvers<void>();

  constructor(options: InstanceOptions) {
    this.#options = options;
    void this.#keepResolving();
  }

  /**
   * The next instance that serves, in turn; one of `avoid` only when there is no other. When there is none at all it waits a
   * little, as after a restart, or, when that has been so for long, only until they were asked anew. Throws
   * SERVICE_UNAVAILABLE when none can be had, and the signal's reason when that fires.
   */
  async pick(avoid: ReadonlySet<Instance>, signal: AbortSignal): Promise<Instance> {
    for (let asked = false; ; ) {
      signal.throwIfAborted();
      const instance = this.#next(avoid);
      if (instance) return instance;
      if (asked || this.#stop.signal.aborted) throw unavailable(this.#options.addresses);
      const left = this.#noneSince + this.#options.patienceMs - performance.now();
      asked = left <= 0;
      await (asked ? this.#recheck(signal) : this.#change(left, signal));
    }
  }

  /** Whether an instance serves that is not among these. */
  hasOther(than: ReadonlySet<Instance>): boolean {
    return this.#serving.some((instance) => !than.has(instance));
  }

  /** Tells the log that the instance does not know this process for one of its installation; returns what callers are told. */
  isStranger({ target, term }: Instance): ConnectError {
    const line = { event: 'peer_has_other_secret', address: target.origin, peer: `${target.ip}:${target.port}` };
    if (!this.#strangers.has(term))
      this.#options.logger?.error(line, 'AUTOSESSION_INTERNAL_SECRET is not the same here and there');
    this.#strangers.add(term);
    return unavailable([target.origin]);
  }

  /** Ends all calls under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const instance of [...this.#current.values(), ...this.#retired]) instance.close();
  }

  #next(avoid: ReadonlySet<Instance>): Instance | undefined {
    const count = this.#serving.length;
    for (let step = 0; step < count; step += 1) {
      const instance = this.#serving[this.#turn++ % count];
      if (instance && !avoid.has(instance)) return instance;
    }
    return this.#serving[this.#turn++ % count];
  }

  /** Has all instances asked how they are now. */
  async #recheck(signal: AbortSignal): Promise<void> {
    const all = Promise.all([...this.#current.values()].map((instance) => instance.recheck()));
    const done = new AbortController();
    const either = AbortSignal.any([signal, done.signal]);
    await Promise.race([all, this.#change(this.#options.connectMs, either)]);
    done.abort();
  }

  /** Resolves when an instance began or ceased to serve, or after `ms`. */
  async #change(ms: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const either = AbortSignal.any([signal, this.#stop.signal, over.signal]);
    await Promise.race([this.#wake.promise, delay(ms, undefined, { signal: either }).catch(() => {})]);
    over.abort();
  }

  #changed(): void {
    const before = this.#serving.length;
    this.#serving = [...this.#current.values()].filter(({ serving }) => serving);
    if (before > 0 && this.#serving.length === 0) this.#noneSince = performance.now();
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  async #keepResolving(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const found = await Promise.all(this.#options.addresses.map((address) => this.#resolve(address)));
      if (this.#stop.signal.aborted) return;
      this.#update(found.flat());
      const { resolveMs, lastRetryMs } = this.#options;
      const pause = this.#serving.length > 0 ? resolveMs : Math.min(resolveMs, lastRetryMs);
      await delay(pause, undefined, { signal: this.#stop.signal }).catch(() => {});
    }
  }

  /** What a name stands for; when it is not known at the moment, what it last stood for. */
  #resolve(address: string): Promise<Target[]> {
    const { origin } = new URL(address);
    const known = () => [...this.#current.values()].map(({ target }) => target).filter((t) => t.origin === origin);
    return this.#options.resolve(address).catch(known);
  }

  #update(targets: readonly Target[]): void {
    const wanted = new Map(targets.map((target) => [`${target.ip} ${target.port}`, target]));
    for (const [key, instance] of this.#current) {
      if (wanted.has(key)) continue;
      this.#current.delete(key);
      this.#retired.add(instance);
      instance.retire();
    }
    for (const [key, target] of wanted) if (!this.#current.has(key)) this.#current.set(key, this.#open(target));
    for (const instance of this.#retired) if (!instance.busy) this.#retired.delete(instance);
    this.#changed();
  }

  #open(target: Target): Instance {
    const instance = new Instance(target, this.#options, () => {
      this.#changed();
      if (this.#stop.signal.aborted) return;
      const line = { address: target.origin, peer: `${target.ip}:${target.port}` };
      if (instance.serving) this.#options.logger?.info({ event: 'peer_serves', ...line });
      else this.#options.logger?.warn({ event: 'peer_serves_not', ...line });
    });
    return instance;
  }
}

/** Where it was looked for stays inside: the text goes out to callers. */
function unavailable(addresses: readonly string[]) {
  const cause = new Error(`no instance serves at ${addresses.join(', ')}`);
  return refuse(ErrorReason.SERVICE_UNAVAILABLE, 'a service does not answer; a repeat is harmless', {}, cause);
}
