import type { ExpressionBuilder } from 'kysely';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { parseSqlTime, parseSqlTimeOrUndefined, sqlTime } from '../../lib/db/sql-time.ts';
import type { PendingMessage } from '../domain/pending-message.ts';
import { type StoredConversation, toStoredConversation } from './conversation.ts';
import type { MessageRow, MessageTables } from './tables.ts';

/** Selects the messages of interrupted batches: those still pending `afterMs` after they were received. */
export interface AbandonedCriteria {
  readonly now: number;
  readonly afterMs: number;
}

/** A message received in the future is abandoned too: the wall clock was set back since. */
function isAbandoned({ now, afterMs }: AbandonedCriteria) {
  return (eb: ExpressionBuilder<MessageTables, 'messages'>) =>
    eb.or([eb('received_at', '<', sqlTime(now - afterMs)), eb('received_at', '>', sqlTime(now + afterMs))]);
}

/** Conversations of all tenants with abandoned messages, the oldest first. */
export async function findAbandonedConversations(
  db: Executor<MessageTables>,
  criteria: AbandonedCriteria,
  limit: number,
): Promise<{ tenant: string; conversationId: string }[]> {
  const rows = await db
    .selectFrom('messages')
    .select((eb) => ['tenant', 'conversation_id', eb.fn.min('received_at').as('since')])
    .where('settled', '=', 0)
    .where(isAbandoned(criteria))
    .groupBy(['tenant', 'conversation_id'])
    .orderBy('since')
    .limit(limit)
    .execute();
  return rows.map(({ tenant, conversation_id }) => ({ tenant, conversationId: conversation_id }));
}

/** A conversation with its oldest abandoned messages in their order; undefined when it does not exist any more. */
export async function loadAbandonedMessages(
  db: Executor<MessageTables>,
  tenant: string,
  conversationId: string,
  criteria: AbandonedCriteria,
  limit: number,
): Promise<{ conversation: StoredConversation; pending: PendingMessage[] } | undefined> {
  const row = await db
    .selectFrom('conversations')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('conversation_id', '=', conversationId)
    .executeTakeFirst();
  if (!row) return undefined;
  const messages = await db
    .selectFrom('messages')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('conversation_id', '=', conversationId)
    .where('settled', '=', 0)
    .where(isAbandoned(criteria))
    .orderBy('seq')
    .limit(limit)
    .execute();
  return { conversation: toStoredConversation(row), pending: messages.map(toPendingMessage) };
}

function toPendingMessage(row: MessageRow): PendingMessage {
  // without a time of its own or of a neighbour, order_at is received_at
  const timed = row.sent_at !== null || row.order_at !== row.received_at;
  return {
    messageId: row.message_id,
    seq: row.seq,
    role: row.role,
    unsure: row.unsure === 1,
    sender: row.sender,
    content: row.content,
    type: row.type,
    receivedAt: parseSqlTime(row.received_at),
    time: timed ? parseSqlTime(row.order_at) : undefined,
    knownReceivedAt: parseSqlTimeOrUndefined(row.known_received_at),
    receiptBefore: row.receipt_before,
  };
}
