import { LRUCache } from 'lru-cache';
import type { Clock } from '../../lib/runtime/clock.ts';
import type { SenderRole } from '../domain/sender-role.ts';
import type { ConversationParties } from '../store/conversation.ts';

const MAX_CACHE_ENTRIES = 5_000;

/** A prefix or a name that an operator changes takes effect after this time at the latest. */
const PARTIES_CACHE_TTL_MS = 60_000;

/** The participants of a batch. */
export interface BatchParties extends ConversationParties {
  /** Keys of shops that were merged into this one: conversations stored under them are this shop's. */
  readonly formerShopKeys: readonly string[];
  /** Empty for none. */
  readonly botPrefix: string;
  /** The role of every nick of the batch. */
  readonly senderRoles: ReadonlyMap<string, SenderRole>;
  /** Whether the account is unknown. */
  readonly unresolved: boolean;
}

/** Resolved parties that are valid for every batch of the same names: a cache that evicts the least recently used. */
export class PartiesCache {
  readonly #entries: LRUCache<string, BatchParties>;
  /** Parties read from rows that may still be lost with the database. */
  readonly #unconfirmed = new WeakMap<BatchParties, { readonly key: string; readonly readAt: number }>();

  constructor(clock: Clock) {
    this.#entries = new LRUCache({
      max: MAX_CACHE_ENTRIES,
      ttl: PARTIES_CACHE_TTL_MS,
      ttlResolution: 0,
      perf: { now: () => clock.monotonic() },
    });
  }

  /** The cached parties until they expire. */
  get(key: string): BatchParties | undefined {
    return this.#entries.get(key);
  }

  /**
   * Keeps parties to be cached by `confirm`: a cached key whose row the database has lost would stay in use. `readAt` is the time
   * of the monotonic clock before the directory was read.
   */
  note(key: string, parties: BatchParties, readAt: number): void {
    this.#unconfirmed.set(parties, { key, readAt });
  }

  /** Whether the parties wait for `confirm`. */
  isUnconfirmed(parties: BatchParties): boolean {
    return this.#unconfirmed.has(parties);
  }

  /** Caches the noted parties: the rows that they were read from are on disk. */
  confirm(parties: BatchParties): void {
    const noted = this.#unconfirmed.get(parties);
    if (!noted) return;
    this.#unconfirmed.delete(parties);
    this.#entries.set(noted.key, parties, { start: noted.readAt });
  }

  /** Removes parties that have turned out to be outdated. */
  invalidate(parties: BatchParties): void {
    for (const [key, cached] of [...this.#entries.entries()]) if (cached === parties) this.#entries.delete(key);
  }
}
