import type { IngestMessagesRequest } from '../../../gen/autosession/message/v1/message_service_pb.js';
import type { ResolvePartiesResponse } from '../../../gen/autosession/session/v1/session_service_pb.js';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { callService, type MessageDeps } from '../deps.ts';
import { resolveSenderRoles, type SenderRole } from '../domain/sender-role.ts';
import { type ConversationParties, UNKNOWN_ACCOUNT_KEY } from '../store/conversation.ts';

const DEFAULT_PLATFORM = '淘天';
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

/** Finds out who talks in a batch, from memory when the answer cannot change but by an operator. */
export async function resolveBatchParties(
  deps: MessageDeps,
  request: IngestMessagesRequest,
  senderNicks: readonly string[],
): Promise<BatchParties> {
  const nicks = [...new Set(senderNicks)].sort();
  const { shopName, shopId, accountId } = request;
  const platform = request.platform || DEFAULT_PLATFORM;
  const key = JSON.stringify([currentTenant(), platform, shopName, shopId, accountId, nicks]);
  const now = deps.clock.monotonic();
  const cached = deps.parties.get(key, now);
  if (cached) return cached;
  const answer = await callService(deps.sessions.resolveParties({ platform, shopName, shopId, accountId, nicks }));
  const parties = toBatchParties(answer, request, platform, nicks);
  if (isCacheable(answer, parties)) deps.parties.note(key, parties, now);
  return parties;
}

/** Caches the parties for later batches. To be called after the batch's commits, which usually confirm the read already. */
export async function rememberParties(deps: MessageDeps, parties: BatchParties): Promise<void> {
  if (!deps.parties.isUnconfirmed(parties)) return;
  await deps.db.confirmReads();
  deps.parties.confirm(parties);
}

/** The directory's current parties of a conversation: its shop, and the prefix of the account's bot. */
export async function currentParties(
  deps: MessageDeps,
  { platform, shopName, accountId, accountKey }: ConversationParties,
): Promise<Pick<BatchParties, 'shopKey' | 'formerShopKeys' | 'botPrefix'>> {
  const answer = await callService(deps.sessions.resolveParties({ platform, shopName, accountId }));
  // an unknown account has none but that of the installation
  const isKnown = accountKey !== UNKNOWN_ACCOUNT_KEY && accountId !== '';
  const { shopKey, formerShopKeys } = answer;
  return { shopKey, formerShopKeys, botPrefix: isKnown ? answer.botPrefix : deps.config.botPrefix };
}

function toBatchParties(
  answer: ResolvePartiesResponse,
  { shopName, shopId, accountId }: IngestMessagesRequest,
  platform: string,
  nicks: readonly string[],
): BatchParties {
  const unresolved = answer.accountKey === UNKNOWN_ACCOUNT_KEY;
  const ownNames = unresolved ? [] : [answer.accountId, accountId];
  return {
    platform,
    accountKey: answer.accountKey,
    accountId: answer.accountId,
    shopKey: answer.shopKey,
    formerShopKeys: answer.formerShopKeys,
    shopId,
    shopName,
    botPrefix: answer.botPrefix,
    unresolved,
    senderRoles: resolveSenderRoles(nicks, {
      platform,
      accountNicks: [...answer.accountNicks, ...ownNames.filter(Boolean)],
      shopNames: [...answer.shopNicks, shopName],
    }),
  };
}

/** A nick whose side is only a guess may be learnt by the next receipt: such an answer is asked for anew. */
function isCacheable({ stable }: ResolvePartiesResponse, { senderRoles, unresolved }: BatchParties): boolean {
  return stable && !unresolved && [...senderRoles.values()].every(({ unsure }) => !unsure);
}
