import type { IngestMessagesRequest } from '../../../gen/autosession/message/v1/message_service_pb.js';
import type { ResolvePartiesResponse } from '../../../gen/autosession/session/v1/session_service_pb.js';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { callService } from '../call-service.ts';
import type { MessageDeps } from '../deps.ts';
import type { ParsedMessage } from '../domain/parse-batch.ts';
import { resolveSenderRoles } from '../domain/sender-role.ts';
import { type ConversationParties, UNKNOWN_ACCOUNT_KEY } from '../store/conversation.ts';
import type { BatchParties } from './parties-cache.ts';

const DEFAULT_PLATFORM = '淘天';

/** Resolves the participants of a batch, from the cache when only an operator can change them. */
export async function resolveBatchParties(
  deps: MessageDeps,
  request: IngestMessagesRequest,
  messages: readonly ParsedMessage[],
): Promise<BatchParties> {
  const nicks = [...new Set(messages.map(({ nick }) => nick))].sort();
  const { shopName, shopId, accountId } = request;
  const platform = request.platform || DEFAULT_PLATFORM;
  const key = JSON.stringify([currentTenant(), platform, shopName, shopId, accountId, nicks]);
  const cached = deps.parties.get(key);
  if (cached) return cached;
  const readAt = deps.clock.monotonic();
  const answer = await callService(deps.sessions.resolveParties({ platform, shopName, shopId, accountId, nicks }));
  const parties = toBatchParties(answer, request, platform, nicks);
  if (isCacheable(answer, parties)) deps.parties.note(key, parties, readAt);
  return parties;
}

/** Caches the parties for later batches. Call it after the batch's commits, which usually confirm the read already. */
export async function rememberParties(deps: MessageDeps, parties: BatchParties): Promise<void> {
  if (!deps.parties.isUnconfirmed(parties)) return;
  await deps.db.confirmReads();
  deps.parties.confirm(parties);
}

/**
 * The parties of a stored conversation, with what the directory says of them now, and the key that its shop has there. The
 * stored messages have their sender roles already: there are none in it.
 */
export async function resolveConversationParties(
  deps: MessageDeps,
  conversation: ConversationParties,
): Promise<{ parties: BatchParties; currentShopKey: string }> {
  const { platform, shopName, accountId, accountKey } = conversation;
  const answer = await callService(deps.sessions.resolveParties({ platform, shopName, accountId }));
  const unresolved = accountKey === UNKNOWN_ACCOUNT_KEY;
  // a conversation without account has only the installation's prefix
  const botPrefix = unresolved || accountId === '' ? deps.config.botPrefix : answer.botPrefix;
  const { shopKey: currentShopKey, formerShopKeys } = answer;
  return {
    parties: { ...conversation, formerShopKeys, botPrefix, unresolved, senderRoles: new Map() },
    currentShopKey,
  };
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

/** The next receipt may prove that an unsure nick is the account's: such parties are resolved for every batch. */
function isCacheable({ stable }: ResolvePartiesResponse, { senderRoles, unresolved }: BatchParties): boolean {
  return stable && !unresolved && [...senderRoles.values()].every(({ unsure }) => !unsure);
}
