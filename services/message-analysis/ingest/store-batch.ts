import { lockKey } from '../../lib/db/transaction-context.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { MessageDeps } from '../deps.ts';
import { type BatchDiff, type ContentRevision, diffBatch, type StoredMessage } from '../domain/diff-batch.ts';
import type { ParsedMessage } from '../domain/parse-batch.ts';
import type { PendingMessage } from '../domain/pending-message.ts';
import { addMessages, ConversationMergedError, type ConversationTarget } from '../store/add-messages.ts';
import type { StoredConversation } from '../store/conversation.ts';
import { type ConversationWithMessages, loadContents, lookUpConversations } from '../store/conversation-lookup.ts';
import { retryOnConflict } from '../store/retry-on-conflict.ts';
import type { MessageTables } from '../store/tables.ts';
import { transactionOptionsFor } from '../store/transaction-options.ts';
import { adoptConversation } from './adopt-conversation.ts';
import type { BatchParties } from './parties-cache.ts';

/** A batch of which every message is stored. */
export interface StoredBatch {
  readonly conversation: StoredConversation;
  /** Whether this batch has created the conversation. */
  readonly isNewConversation: boolean;
  /** The messages to evaluate, in the batch's order; empty when none is new. */
  readonly pending: readonly PendingMessage[];
  /** Elements under known ids with another content than the stored one. */
  readonly revisions: readonly ContentRevision[];
  /** The indexes of elements that repeat what is stored, or an earlier element of the batch. */
  readonly duplicateIndexes: ReadonlySet<number>;
  /** The numbers of all the batch's messages, by id. */
  readonly seqs: ReadonlyMap<string, number>;
}

/**
 * Looks the batch up in one statement and stores its new messages as pending; without new messages there is no transaction.
 * Messages that another batch has stored meanwhile count as stored. A conversation without account that holds messages of the
 * batch, and one of a shop that was merged into the batch's shop, first becomes the parties' own.
 */
export function storeBatch(
  deps: MessageDeps,
  parties: BatchParties,
  messages: readonly ParsedMessage[],
): Promise<StoredBatch> {
  const tenant = currentTenant();
  const ids = [...new Set(messages.map(({ id }) => id))];
  const store = async (): Promise<StoredBatch> => {
    const { own, adoptable } = await lookUpConversations(deps.db.autocommit<MessageTables>(), tenant, parties, ids);
    if (adoptable) {
      await adoptConversation(deps, parties, adoptable.conversation.conversationId);
      throw new ConversationMergedError(); // look the conversations up again
    }
    const diff = await diffAgainstStore(deps, parties, own, messages);
    const { newMessages, revisions, duplicateIndexes } = diff;
    const conversation = own?.conversation ?? newConversation(parties, deps.ids.next('cnv'));
    const seqs = new Map(diff.seqs);
    const now = deps.clock.now();
    if (newMessages.length > 0) {
      const firstSeq = await deps.db.transaction<MessageTables, number>(
        'store-messages',
        (tx) => {
          lockKey(`parties ${tenant} ${parties.accountKey} ${parties.shopKey}`);
          const { conversationId } = conversation;
          const target: ConversationTarget = { conversationId, newConversation: own ? undefined : conversation };
          return addMessages(tx, tenant, target, newMessages, now);
        },
        transactionOptionsFor(newMessages.length),
      );
      newMessages.forEach(({ messageId }, i) => void seqs.set(messageId, firstSeq + i));
    }
    const pending = withStoredSeqs(diff, seqs, now);
    return { conversation, isNewConversation: !own, pending, revisions, duplicateIndexes, seqs };
  };
  return retryOnConflict(deps.db, store, (error) => error instanceof ConversationMergedError);
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
