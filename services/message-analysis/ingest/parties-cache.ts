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
  readonly #entries = new Map<string, { parties: BatchParties; until: number }>();
  /** Parties read from rows that may still be lost with the database. */
  readonly #unconfirmed = new WeakMap<BatchParties, { readonly key: string; readonly until: number }>();

  /** The cached parties until they expire. `now` is the time of the monotonic clock. */
  get(key: string, now: number): BatchParties | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    if (entry.until <= now) return undefined;
    this.#entries.set(key, entry);
    return entry.parties;
  }

  /** Keeps parties to be cached by `confirm`: a cached key whose row the database has lost would stay in use. */
  note(key: string, parties: BatchParties, now: number): void {
    this.#unconfirmed.set(parties, { key, until: now + PARTIES_CACHE_TTL_MS });
  }

  /** Whether the parties wait for `confirm`. */
  isUnconfirmed(parties: BatchParties): boolean {
    return this.#unconfirmed.has(parties);
  }

  /** Caches the noted parties: the rows that they were read from are on disk. */
  confirm(parties: BatchParties): void {
    const noted = this.#unconfirmed.get(parties);
    if (!noted) return;
    const { key, until } = noted;
    this.#unconfirmed.delete(parties);
    this.#entries.delete(key);
    this.#entries.set(key, { parties, until });
    if (this.#entries.size <= MAX_CACHE_ENTRIES) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }

  /** Removes parties that have turned out to be outdated. */
  invalidate(parties: BatchParties): void {
    for (const [key, entry] of this.#entries) if (entry.parties === parties) this.#entries.delete(key);
  }
}
