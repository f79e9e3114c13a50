import { lockKey } from '../../lib/db/transaction-context.ts';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { MessageDeps } from '../deps.ts';
import { type BatchDiff, diffBatch, type StoredMessage } from '../domain/diff-batch.ts';
import type { ParsedMessage } from '../domain/parse-batch.ts';
import type { PendingMessage } from '../domain/pending-message.ts';
import { addMessages, ConversationMergedError, type ConversationTarget } from '../store/add-messages.ts';
import type { StoredConversation } from '../store/conversation.ts';
import {
  type ConversationLookup,
  type ConversationWithMessages,
  loadContents,
  lookUpConversations,
} from '../store/conversation-lookup.ts';
import type { MessageTables } from '../store/tables.ts';
import { transactionOptionsFor } from '../store/transaction-options.ts';
import { adoptConversation } from './adopt-conversation.ts';
import type { BatchParties } from './parties-cache.ts';

/** How often a batch is stored again after another one was first. */
const MAX_STORE_ATTEMPTS = 8;

/** A batch of which every message is stored. */
export interface StoredBatch {
  readonly conversation: StoredConversation;
  /** Whether this batch has created the conversation. */
  readonly created: boolean;
  readonly diff: BatchDiff;
  /** The messages to evaluate, in the batch's order; empty when none is new. */
  readonly pending: readonly PendingMessage[];
  /** The numbers of all the batch's messages, by id. */
  readonly seqs: ReadonlyMap<string, number>;
}

/**
 * Looks the batch up in one statement and stores its new messages as pending; without new messages there is no transaction.
 * Messages that another batch has stored meanwhile count as stored. A conversation without account that holds messages of the
 * batch, and one of a shop that was merged into the batch's shop, first becomes the parties' own.
 */
export async function storeBatch(
  deps: MessageDeps,
  parties: BatchParties,
  messages: readonly ParsedMessage[],
): Promise<StoredBatch> {
  const ids = [...new Set(messages.map(({ id }) => id))];
  for (let attempt = 1; attempt <= MAX_STORE_ATTEMPTS; attempt++) {
    const lookup = await lookUpConversations(deps.db.autocommit<MessageTables>(), currentTenant(), parties, ids);
    try {
      if (!lookup.adoptable) return await storeNewMessages(deps, parties, lookup, messages);
      await adoptConversation(deps, parties, lookup.adoptable.conversation.conversationId);
    } catch (error) {
      if (!deps.db.isDuplicateKey(error) && !(error instanceof ConversationMergedError)) throw error;
    }
  }
  throw appError(
    ErrorReason.SERVICE_UNAVAILABLE,
    'concurrent requests keep changing the conversation; a repeat is harmless',
  );
}

async function storeNewMessages(
  deps: MessageDeps,
  parties: BatchParties,
  { own }: ConversationLookup,
  messages: readonly ParsedMessage[],
): Promise<StoredBatch> {
  const diff = await diffAgainstStore(deps, parties, own, messages);
  const conversation = own?.conversation ?? newConversation(parties, deps.ids.next('cnv'));
  const seqs = new Map(diff.seqs);
  const batch: Omit<StoredBatch, 'pending'> = { conversation, created: !own, diff, seqs };
  if (diff.newMessages.length === 0) return { ...batch, pending: withStoredSeqs(diff, seqs, 0) };
  const now = deps.clock.now();
  const target: ConversationTarget = {
    conversationId: conversation.conversationId,
    newConversation: own ? undefined : conversation,
  };
  const tenant = currentTenant();
  const firstSeq = await deps.db.transaction<MessageTables, number>(
    'store-messages',
    (tx) => {
      lockKey(`parties ${tenant} ${parties.accountKey} ${parties.shopKey}`);
      return addMessages(tx, tenant, target, diff.newMessages, now);
    },
    transactionOptionsFor(diff.newMessages.length),
  );
  diff.newMessages.forEach(({ messageId }, i) => void seqs.set(messageId, firstSeq + i));
  return { ...batch, pending: withStoredSeqs(diff, seqs, now) };
}

/** A known id with different content is rare, so only then the stored contents are read, to compare how they look. */
async function diffAgainstStore(
  deps: MessageDeps,
  { senderRoles }: BatchParties,
  own: ConversationWithMessages | undefined,
  messages: readonly ParsedMessage[],
): Promise<BatchDiff> {
  const stored = own?.messages ?? new Map<string, StoredMessage>();
  const diff = diffBatch(messages, senderRoles, stored);
  const conflictingIds = diff.revisions.map(({ messageId }) => messageId).filter((id) => stored.has(id));
  if (!own || conflictingIds.length === 0) return diff;
  const key = { tenant: currentTenant(), conversationId: own.conversation.conversationId };
  return diffBatch(
    messages,
    senderRoles,
    await loadContents(deps.db.autocommit<MessageTables>(), key, stored, [...new Set(conflictingIds)]),
  );
}

function newConversation(
  { platform, accountKey, accountId, shopKey, shopId, shopName }: BatchParties,
  conversationId: string,
): StoredConversation {
  return { conversationId, platform, accountKey, accountId, shopKey, shopId, shopName, claimedSessionId: '' };
}

/** The messages to evaluate; the new ones among them with the numbers and the time that they were stored with. */
function withStoredSeqs({ toEvaluate }: BatchDiff, seqs: ReadonlyMap<string, number>, now: number): PendingMessage[] {
  return toEvaluate.map((message) =>
    'receivedAt' in message ? message : { ...message, seq: seqs.get(message.messageId)!, receivedAt: now },
  );
}
