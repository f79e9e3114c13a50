import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { MessageDeps } from '../deps.ts';
import type { ConversationParties } from '../store/conversation.ts';
import { applyAdoption, findConversationId } from '../store/conversation-adoption.ts';
import type { MessageTables } from '../store/tables.ts';

/**
 * Assigns a conversation to the parties, or merges it into their own if they have one. Fails on a unique index when a
 * concurrent transaction has created one.
 */
export async function adoptConversation(deps: MessageDeps, parties: ConversationParties, from: string): Promise<void> {
  const tenant = currentTenant();
  const to = await findConversationId(deps.db.autocommit<MessageTables>(), tenant, parties);
  await deps.db.transaction<MessageTables, void>('adopt-conversation', (tx) =>
    applyAdoption(tx, { tenant, from, to, parties }),
  );
  const { shopKey: shop_key } = parties;
  deps.logger.info(
    { event: 'conversation_adopted', conversation_id: to ?? from, shop_key },
    'a conversation was assigned to its parties',
  );
}
