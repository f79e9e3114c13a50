import type { SenderRole } from '../domain/sender-role.ts';
import type { ConversationParties } from '../store/conversation.ts';

const MAX_CACHE_ENTRIES = 5_000;

/** A prefix or a name that an operator sets counts after this time at the latest. */
const PARTIES_CACHE_TTL_MS = 60_000;

/** Who talks in a batch. */
export interface BatchParties extends ConversationParties {
  /** Keys of shops that were merged into this one: conversations stored under them are this shop's. */
  readonly formerShopKeys: readonly string[];
  /** Empty for none. */
  readonly botPrefix: string;
  /** The side of every nick of the batch. */
  readonly senderRoles: ReadonlyMap<string, SenderRole>;
  /** Whether no rule found the account. */
  readonly unresolved: boolean;
}

/** Answers of the directory that hold for every batch of the same parties, the least used forgotten first. */
export class PartiesCache {
  readonly #entries = new Map<string, { parties: BatchParties; until: number }>();
  /** Answers whose rows may still be lost with the database. */
  readonly #unconfirmed = new WeakMap<BatchParties, { readonly key: string; readonly until: number }>();

  /** The cached answer, while it is fresh. `now` is that of the monotonic clock. */
  get(key: string, now: number): BatchParties | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    if (entry.until <= now) return undefined;
    this.#entries.set(key, entry);
    return entry.parties;
  }

  /** Holds an answer back until `confirm`: a cached key whose row the database has lost would stay in use. */
  note(key: string, parties: BatchParties, now: number): void {
    this.#unconfirmed.set(parties, { key, until: now + PARTIES_CACHE_TTL_MS });
  }

  /** Whether the answer waits for `confirm`. */
  isUnconfirmed(parties: BatchParties): boolean {
    return this.#unconfirmed.has(parties);
  }

  /** Caches an answer that was noted: the rows that it was read from are on disk. */
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

  /** Forgets an answer that has turned out to be outdated. */
  invalidate(parties: BatchParties): void {
    for (const [key, entry] of this.#entries) if (entry.parties === parties) this.#entries.delete(key);
  }
}
