import { inContext, systemContext } from '../lib/context.ts';
import { backgroundRequestId, type Loop, startLeaderLoop } from '../lib/loop.ts';
import { failureLevel } from '../lib/loop-failures.ts';
import { claim } from './claim.ts';
import type { MessageDeps } from './deps.ts';
import type { Pending } from './domain/pending.ts';
import { asHistory, type Judgement, judge, PartiesMoved } from './judge.ts';
import { presentParties } from './parties.ts';
import { settle } from './settle.ts';
import { ConversationGone } from './store/add-messages.ts';
import type { Conversation } from './store/conversation.ts';
import { removeOldMessages } from './store/retention.ts';
import type { MessageTables } from './store/tables.ts';
import { type LeftBehind, unsettledConversations, unsettledMessages } from './store/unsettled.ts';

const SWEEP_MS = 2_000;
/** A batch that is under way has this long before its messages count as left behind. */
const LEFT_BEHIND_MS = 10_000;
const CONVERSATIONS = 100;
const MESSAGES = 1_000;
const DAY_MS = 86_400_000;
const REMOVED_ROWS = 500;

/** Settles the messages of batches that broke off, as their own batch would have. */
export function startSettling(deps: MessageDeps): Loop {
  return startLeaderLoop(deps.db, 'messages-settle', {
    name: 'messages-settle',
    everyMs: SWEEP_MS,
    logger: deps.logger,
    run: (signal) => settleLeftBehind(deps, signal),
  });
}

/** One round over the oldest of them; true when there is more. What fails is tried again, and holds up nothing else. */
export async function settleLeftBehind(deps: MessageDeps, signal?: AbortSignal): Promise<boolean> {
  const left = { now: deps.clock.now(), afterMs: LEFT_BEHIND_MS };
  const found = await unsettledConversations(deps.db.of<MessageTables>(), left, CONVERSATIONS);
  const failures: unknown[] = [];
  for (const { tenant, conversationId } of found) {
    if (signal?.aborted) return false;
    const context = systemContext(tenant, backgroundRequestId('messages-settle'));
    await inContext(context, () => settleConversation(deps, tenant, conversationId, left)).catch((error) =>
      failures.push(error),
    );
  }
  if (failures.length > 0) {
    const counts = { failed: failures.length, of: found.length };
    const line = { event: 'messages_unsettled', ...counts, err: failures[0] };
    deps.logger[failureLevel(failures[0])](line, 'conversations are not settled yet');
  }
  return found.length === CONVERSATIONS && failures.length === 0;
}

async function settleConversation(
  deps: MessageDeps,
  tenant: string,
  conversationId: string,
  left: LeftBehind,
): Promise<void> {
  const found = await unsettledMessages(deps.db.of<MessageTables>(), tenant, conversationId, left, MESSAGES);
  if (!found || found.pending.length === 0) return;
  const { conversation, pending } = found;
  try {
    const judgement = await judgeLate(deps, conversation, pending);
    if (!judgement) return;
    await deps.db.transaction<MessageTables, void>('settle-messages', (tx) =>
      settle(deps, tx, tenant, conversation, judgement),
    );
  } catch (error) {
    // somebody else was at it: the next round looks again
    if (!deps.db.isDuplicateKey(error) && !(error instanceof ConversationGone)) throw error;
  }
}

/**
 * As the messages' own batch would have been judged, unless its names have changed their owner since. Undefined when the shop
 * has joined another one: the conversation has been given to that, and the next round judges it there; and when shops were
 * merged at this moment: the next round looks again.
 */
async function judgeLate(
  deps: MessageDeps,
  conversation: Conversation,
  pending: readonly Pending[],
): Promise<Judgement | undefined> {
  const { claimedSessionId } = conversation;
  const { shopKey, formerShopKeys, botPrefix } = await presentParties(deps, conversation);
  if (formerShopKeys.includes(conversation.shopKey)) {
    await claim(deps, { ...conversation, shopKey }, conversation.conversationId);
    return undefined;
  }
  try {
    return await judge(deps, { parties: conversation, formerShopKeys, pending, claimedSessionId, botPrefix });
  } catch (error) {
    if (!(error instanceof PartiesMoved)) throw error;
    const now = await presentParties(deps, conversation);
    const merged = now.formerShopKeys.some((key) => !formerShopKeys.includes(key));
    return merged ? undefined : asHistory(pending);
  }
}

/** Removes settled messages that are older than the retention; nothing when everything is kept. */
export function startRemoving(deps: MessageDeps): Loop | undefined {
  const { retentionDays, cleanupIntervalSeconds } = deps.config;
  if (retentionDays === 0) return undefined;
  return startLeaderLoop(deps.db, 'messages-remove', {
    name: 'messages-remove',
    everyMs: cleanupIntervalSeconds * 1_000,
    logger: deps.logger,
    run: async () => {
      const before = deps.clock.now() - retentionDays * DAY_MS;
      return (await removeOldMessages(deps.db.of<MessageTables>(), before, REMOVED_ROWS)) === REMOVED_ROWS;
    },
  });
}
