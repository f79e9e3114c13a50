import { currentTenant } from '../lib/context.ts';
import { reserve } from '../lib/db/open-transaction.ts';
import { ErrorReason, refuse } from '../lib/errors/refuse.ts';
import { claim } from './claim.ts';
import type { MessageDeps } from './deps.ts';
import type { BoundMessage } from './domain/bind.ts';
import type { Pending } from './domain/pending.ts';
import { type Sorted, type StoredMessage, sortOut } from './domain/sort-out.ts';
import type { Parties } from './parties.ts';
import { addMessages, ConversationGone } from './store/add-messages.ts';
import type { Conversation } from './store/conversation.ts';
import { groupFor } from './store/group.ts';
import { type Found, type Lookup, lookUp, withContents } from './store/lookup.ts';
import type { MessageTables } from './store/tables.ts';

/** How often a batch looks again after another one was first. */
const ATTEMPTS = 8;

/** A batch of which every message is stored. */
export interface StoredBatch {
  readonly conversation: Conversation;
  /** Whether the conversation was made for it. */
  readonly created: boolean;
  readonly sorted: Sorted;
  /** What has to be judged, in the batch's order; empty when nothing is new. */
  readonly pending: readonly Pending[];
  /** Numbers of all the batch's messages, by id. */
  readonly seqs: ReadonlyMap<string, number>;
}

/**
 * Looks the batch up in one statement and stores its new messages as unsettled; without new messages there is no transaction.
 * Messages that another batch stored meanwhile count as stored. A conversation without account that holds messages of the
 * batch, and one of a shop that was merged into the batch's shop, first becomes the parties' own.
 */
export async function storeBatch(
  deps: MessageDeps,
  parties: Parties,
  messages: readonly BoundMessage[],
): Promise<StoredBatch> {
  const ids = [...new Set(messages.map(({ id }) => id))];
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const found = await lookUp(deps.db.of<MessageTables>(), currentTenant(), parties, ids);
    try {
      if (!found.unclaimed) return await storeFresh(deps, parties, found, messages);
      await claim(deps, parties, found.unclaimed.conversation.conversationId);
    } catch (error) {
      if (!deps.db.isDuplicateKey(error) && !(error instanceof ConversationGone)) throw error;
    }
  }
  throw refuse(ErrorReason.SERVICE_UNAVAILABLE, 'the conversation is written to from too many sides');
}

async function storeFresh(
  deps: MessageDeps,
  parties: Parties,
  { own }: Lookup,
  messages: readonly BoundMessage[],
): Promise<StoredBatch> {
  const sorted = await sortByStored(deps, parties, own, messages);
  const conversation = own?.conversation ?? newConversation(parties, deps.ids.next('cnv'));
  const seqs = new Map(sorted.seqs);
  const batch = { conversation, created: !own, sorted, seqs };
  if (sorted.fresh.length === 0) return { ...batch, pending: placed(sorted, seqs, 0) };
  const now = deps.clock.now();
  const target = { conversationId: conversation.conversationId, create: own ? undefined : conversation };
  const tenant = currentTenant();
  const firstSeq = await deps.db.transaction<MessageTables, number>(
    'store-messages',
    (tx) => {
      reserve(`parties ${tenant} ${parties.accountKey} ${parties.shopKey}`);
      return addMessages(tx, tenant, target, sorted.fresh, now);
    },
    groupFor(sorted.fresh.length),
  );
  sorted.fresh.forEach(({ messageId }, i) => void seqs.set(messageId, firstSeq + i));
  return { ...batch, pending: placed(sorted, seqs, now) };
}

/** A known id with different content is rare, so only then the stored contents are read, to compare how they look. */
async function sortByStored(
  deps: MessageDeps,
  { sides }: Parties,
  own: Found | undefined,
  messages: readonly BoundMessage[],
): Promise<Sorted> {
  const stored = own?.messages ?? new Map<string, StoredMessage>();
  const sorted = sortOut(messages, sides, stored);
  const known = sorted.differing.map(({ messageId }) => messageId).filter((id) => stored.has(id));
  if (!own || known.length === 0) return sorted;
  const key = { tenant: currentTenant(), conversationId: own.conversation.conversationId };
  return sortOut(messages, sides, await withContents(deps.db.of<MessageTables>(), key, stored, [...new Set(known)]));
}

function newConversation(
  { platform, accountKey, accountId, shopKey, shopId, shopName }: Parties,
  conversationId: string,
): Conversation {
  return { conversationId, platform, accountKey, accountId, shopKey, shopId, shopName, claimedSessionId: '' };
}

/** The fresh messages with the numbers and the time that they were stored with, among the unsettled ones. */
function placed({ order }: Sorted, seqs: ReadonlyMap<string, number>, now: number): Pending[] {
  return order.map((message) =>
    'receivedAt' in message ? message : { ...message, seq: seqs.get(message.messageId)!, receivedAt: now },
  );
}
