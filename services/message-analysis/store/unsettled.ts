import type { ExpressionBuilder } from 'kysely';
import type { Executor } from '../../lib/db/database.ts';
import { msOf, msOrUndefined, sqlTime } from '../../lib/db/time.ts';
import type { Pending } from '../domain/pending.ts';
import { type Conversation, conversationOf } from './conversation.ts';
import type { MessageRow, MessageTables } from './tables.ts';

/** Selects the messages that were left unsettled: those received `afterMs` ago. */
export interface LeftBehind {
  readonly now: number;
  readonly afterMs: number;
}

/** Received long ago, or so far in the future that the wall clock must have been set back since. */
function isLeftBehind({ now, afterMs }: LeftBehind) {
  return (eb: ExpressionBuilder<MessageTables, 'messages'>) =>
    eb.or([eb('received_at', '<', sqlTime(now - afterMs)), eb('received_at', '>', sqlTime(now + afterMs))]);
}

/** Conversations of all tenants with messages that were left unsettled, the oldest first. */
export async function unsettledConversations(
  db: Executor<MessageTables>,
  left: LeftBehind,
  limit: number,
): Promise<{ tenant: string; conversationId: string }[]> {
  const rows = await db
    .selectFrom('messages')
    .select((eb) => ['tenant', 'conversation_id', eb.fn.min('received_at').as('since')])
    .where('settled', '=', 0)
    .where(isLeftBehind(left))
    .groupBy(['tenant', 'conversation_id'])
    .orderBy('since')
    .limit(limit)
    .execute();
  return rows.map(({ tenant, conversation_id }) => ({ tenant, conversationId: conversation_id }));
}

/** A conversation with its oldest unsettled messages in their order; undefined when it is gone. */
export async function unsettledMessages(
  db: Executor<MessageTables>,
  tenant: string,
  conversationId: string,
  left: LeftBehind,
  limit: number,
): Promise<{ conversation: Conversation; pending: Pending[] } | undefined> {
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
    .where(isLeftBehind(left))
    .orderBy('seq')
    .limit(limit)
    .execute();
  return { conversation: conversationOf(row), pending: messages.map(pendingOf) };
}

function pendingOf(row: MessageRow): Pending {
  // a message that nobody near it gave a time to is sorted by when it came
  const timed = row.sent_at !== null || row.order_at !== row.received_at;
  return {
    messageId: row.message_id,
    seq: row.seq,
    role: row.role,
    unsure: row.unsure === 1,
    sender: row.sender,
    content: row.content,
    type: row.type,
    receivedAt: msOf(row.received_at),
    time: timed ? msOf(row.order_at) : undefined,
    knownReceivedAt: msOrUndefined(row.known_received_at),
    receiptBefore: row.receipt_before,
  };
}
