import { currentTenant } from '../lib/context.ts';
import type { MessageDeps } from './deps.ts';
import { claimConversation, conversationIdOf } from './store/claim.ts';
import type { ConversationParties } from './store/conversation.ts';
import type { MessageTables } from './store/tables.ts';

/**
 * Assigns a conversation to the parties, or merges it into their own if they have one. Fails on a unique index when they got
 * one meanwhile.
 */
export async function claim(deps: MessageDeps, parties: ConversationParties, from: string): Promise<void> {
  const tenant = currentTenant();
  const to = await conversationIdOf(deps.db.of<MessageTables>(), tenant, parties);
  await deps.db.transaction<MessageTables, void>('claim-conversation', (tx) =>
    claimConversation(tx, { tenant, from, to, parties }),
  );
  const { shopKey: shop_key } = parties;
  deps.logger.info(
    { event: 'conversation_claimed', conversation_id: to ?? from, shop_key },
    'a conversation was assigned to its parties',
  );
}
