import { Verdict } from '../../../gen/autosession/message/v1/message_pb.js';
import { precompiledQuery } from '../../lib/db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { sqlTime, sqlTimeOrNull } from '../../lib/db/sql-time.ts';
import type { NewMessage } from '../domain/diff-batch.ts';
import { chunks } from './chunks.ts';
import type { ConversationParties } from './conversation.ts';
import type { ConversationRow, MessageRow, MessageTables } from './tables.ts';

/** The conversation to add messages to: a stored one, or one to create under this id. */
export interface ConversationTarget {
  readonly conversationId: string;
  /** The parties of a new conversation; undefined when it is stored. */
  readonly newConversation?: ConversationParties;
}

/** The conversation was merged into another one, or assigned to other parties: look it up again. */
export class ConversationMergedError extends Error {}

/**
 * Stores messages as pending, with the conversation's next numbers in their order, and returns the number of the first.
 * Fails on a unique index when another batch created the conversation or stored one of them first: roll back and retry.
 */
export async function addMessages(
  tx: Executor<MessageTables>,
  tenant: string,
  target: ConversationTarget,
  messages: readonly NewMessage[],
  now: number,
): Promise<number> {
  const firstSeq = await allocateSeqs(tx, tenant, target, messages.length, now);
  const rows = messages.map((message, i) => toMessageRow(tenant, target.conversationId, message, firstSeq + i, now));
  if (rows.length <= MAX_DEFERRED_ROWS) await insertMessages.enqueue(tx, { rows });
  else for (const chunk of chunks(rows)) await tx.insertInto('messages').values(chunk).execute();
  return firstSeq;
}

/** More rows could exceed the size of a packet that carries other statements too. */
const MAX_DEFERRED_ROWS = 16;

const insertMessages = precompiledQuery((db: Executor<MessageTables>, { rows }: { rows: readonly MessageRow[] }) =>
  db.insertInto('messages').values(rows),
);

/**
 * Takes the conversation's next numbers and returns the first. Locks its row until the end of the transaction, so that numbers have
 * no gaps. Throws ConversationMergedError when it is not stored any more.
 */
export async function allocateSeqs(
  tx: Executor<MessageTables>,
  tenant: string,
  { conversationId, newConversation }: ConversationTarget,
  count: number,
  now: number,
): Promise<number> {
  if (newConversation) {
    await insertConversation(tx, tenant, conversationId, newConversation, count, now);
    return 1;
  }
  const key = { tenant, conversationId };
  const [updated, { rows }] = await Promise.all([incrementLastSeq(tx, { ...key, count }), selectLastSeq(tx, key)]);
  const [row] = rows;
  if (!updated.numAffectedRows || !row) throw new ConversationMergedError();
  return row.last_seq - count + 1;
}

interface ConversationKey {
  readonly tenant: string;
  readonly conversationId: string;
}

const incrementLastSeq = precompiledQuery(
  (db: Executor<MessageTables>, { tenant, conversationId, count }: ConversationKey & { count: number }) =>
    db
      .updateTable('conversations')
      .set((eb) => ({ last_seq: eb('last_seq', '+', count) }))
      .where('tenant', '=', tenant)
      .where('conversation_id', '=', conversationId),
);

const selectLastSeq = precompiledQuery((db: Executor<MessageTables>, { tenant, conversationId }: ConversationKey) =>
  db
    .selectFrom('conversations')
    .select('last_seq')
    .where('tenant', '=', tenant)
    .where('conversation_id', '=', conversationId),
);

function insertConversation(
  tx: Executor<MessageTables>,
  tenant: string,
  conversationId: string,
  parties: ConversationParties,
  lastSeq: number,
  now: number,
): Promise<void> {
  const row = {
    tenant,
    conversation_id: conversationId,
    account_key: parties.accountKey,
    shop_key: parties.shopKey,
    platform: parties.platform,
    account_id: parties.accountId,
    shop_id: parties.shopId,
    shop_name: parties.shopName,
    last_seq: lastSeq,
    created_at: sqlTime(now),
    session_id: '',
    session_opened_at: null,
    session_version: 0,
    session_state: 0,
    session_status: 0,
    claimed_session_id: '',
  };
  return insertConversationRow.enqueue(tx, { row });
}

const insertConversationRow = precompiledQuery((db: Executor<MessageTables>, { row }: { row: ConversationRow }) =>
  db.insertInto('conversations').values(row),
);

function toMessageRow(
  tenant: string,
  conversationId: string,
  message: NewMessage,
  seq: number,
  now: number,
): MessageRow {
  return {
    tenant,
    conversation_id: conversationId,
    message_id: message.messageId,
    seq,
    role: message.role,
    unsure: message.unsure ? 1 : 0,
    sender: message.sender,
    content: message.content,
    content_hash: message.contentHash,
    type: message.type,
    sent_at: sqlTimeOrNull(message.sentAt),
    received_at: sqlTime(now),
    order_at: sqlTime(message.time ?? now),
    known_received_at: sqlTimeOrNull(message.knownReceivedAt),
    receipt_before: message.receiptBefore,
    settled: 0,
    verdict: Verdict.UNSPECIFIED,
    session_id: null,
    task_id: null,
    receipt_session_id: null,
    agent_id: '',
    answers_seq: 0,
    interrupted: 0,
    delivery: 0,
    delivery_seq: 0,
  };
}
