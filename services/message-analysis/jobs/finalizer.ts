import { backgroundRequestId, type Loop, startLeaderLoop } from '../../lib/runtime/loop.ts';
import { failureLogLevel } from '../../lib/runtime/loop-failure-log.ts';
import { runInBackgroundContext, systemContext } from '../../lib/runtime/request-context.ts';
import type { MessageDeps } from '../deps.ts';
import type { PendingMessage } from '../domain/pending-message.ts';
import { adoptConversation } from '../ingest/adopt-conversation.ts';
import { resolveConversationParties } from '../ingest/batch-parties.ts';
import { IngestBatch } from '../ingest/ingest-batch.ts';
import {
  type AbandonedCriteria,
  findAbandonedConversations,
  loadAbandonedMessages,
} from '../store/abandoned-messages.ts';
import { ConversationMergedError } from '../store/add-messages.ts';
import type { StoredConversation } from '../store/conversation.ts';
import { retryOnConflict } from '../store/retry-on-conflict.ts';
import type { MessageTables } from '../store/tables.ts';
import { transactionOptionsFor } from '../store/transaction-options.ts';

const FINALIZER_INTERVAL_MS = 2_000;
/** Messages of a batch that is still being handled must not count as abandoned. */
const ABANDONED_AFTER_MS = 10_000;
const MAX_CONVERSATIONS = 100;
const MAX_MESSAGES = 1_000;

/** Starts the loop that evaluates and finalizes the messages of interrupted batches. */
export function startFinalizer(deps: MessageDeps): Loop {
  return startLeaderLoop(deps.db, 'messages-settle', {
    name: 'messages-settle',
    intervalMs: FINALIZER_INTERVAL_MS,
    logger: deps.logger,
    run: (signal) => finalizeAbandoned(deps, signal),
  });
}

/** One round over the oldest ones; true when there are more. A failed conversation is retried in the next round. */
export async function finalizeAbandoned(deps: MessageDeps, signal?: AbortSignal): Promise<boolean> {
  const criteria = { now: deps.clock.now(), afterMs: ABANDONED_AFTER_MS };
  const found = await findAbandonedConversations(deps.db.autocommit<MessageTables>(), criteria, MAX_CONVERSATIONS);
  const failures: unknown[] = [];
  for (const { tenant, conversationId } of found) {
    if (signal?.aborted) return false;
    const context = systemContext(tenant, backgroundRequestId('messages-settle'));
    await runInBackgroundContext(context, () => finalizeConversation(deps, tenant, conversationId, criteria)).catch(
      (error) => failures.push(error),
    );
  }
  if (failures.length > 0) {
    const counts = { failed: failures.length, of: found.length };
    const line = { event: 'messages_not_finalized', ...counts, err: failures[0] };
    deps.logger[failureLogLevel(failures[0])](line, 'messages of interrupted batches are not finalized yet');
  }
  return found.length === MAX_CONVERSATIONS && failures.length === 0;
}

async function finalizeConversation(
  deps: MessageDeps,
  tenant: string,
  conversationId: string,
  criteria: AbandonedCriteria,
): Promise<void> {
  const db = deps.db.autocommit<MessageTables>();
  const found = await loadAbandonedMessages(db, tenant, conversationId, criteria, MAX_MESSAGES);
  if (!found || found.pending.length === 0) return;
  try {
    const batch = await evaluateAbandoned(deps, found.conversation, found.pending);
    if (!batch) return;
    await retryOnConflict(deps.db, (attempt) =>
      deps.db.transaction<MessageTables, void>(
        'finalize-messages',
        (tx) => batch.finalize(tx, attempt),
        transactionOptionsFor(found.pending.length),
      ),
    );
  } catch (error) {
    // a concurrent batch has changed the conversation: the next round reads it again
    if (!deps.db.isDuplicateKey(error) && !(error instanceof ConversationMergedError)) throw error;
  }
}

/**
 * Evaluates the messages as their own batch would have, unless their names have changed their owner since: then they are
 * history. Undefined when their shop was merged into another one: the conversation then belongs to that shop, and the next
 * round evaluates it there.
 */
async function evaluateAbandoned(
  deps: MessageDeps,
  conversation: StoredConversation,
  pending: readonly PendingMessage[],
): Promise<IngestBatch | undefined> {
  const { parties, currentShopKey } = await resolveConversationParties(deps, conversation);
  const { formerShopKeys } = parties;
  if (formerShopKeys.includes(conversation.shopKey)) {
    await adoptConversation(deps, { ...conversation, shopKey: currentShopKey }, conversation.conversationId);
    return undefined;
  }
  const batch = new IngestBatch(deps, parties, {
    conversation,
    isNewConversation: false,
    pending,
    revisions: [],
    duplicateIndexes: new Set(),
    seqs: new Map(),
  });
  if (await batch.evaluate()) return batch;
  const { parties: current } = await resolveConversationParties(deps, conversation);
  if (current.formerShopKeys.some((key) => !formerShopKeys.includes(key))) return undefined;
  batch.evaluateAsHistory();
  return batch;
}
