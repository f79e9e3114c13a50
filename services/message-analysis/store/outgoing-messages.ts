import { type MessageDelivery, MessageRole, Verdict } from '../../../gen/autosession/message/v1/message_pb.js';
import { MAX_CLOCK_SKEW_MS } from '../../lib/db/due.ts';
import { columnsFor, recordOf } from '../../lib/db/row-mapping.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { sqlTime } from '../../lib/db/sql-time.ts';
import { hashContent } from '../domain/content-hash.ts';
import type { OutgoingMessage } from '../domain/outgoing-message.ts';
import type { MessageRow, MessageTables, OutgoingMessageRow } from './tables.ts';

/** The key of an outgoing message. */
export type OutgoingKey = Pick<OutgoingMessage, 'tenant' | 'sessionId' | 'messageId'>;

/** Stores an outgoing message. Fails on the primary key when its id is taken: roll back and read it. */
export async function insertOutgoing(tx: Executor<MessageTables>, message: OutgoingMessage): Promise<void> {
  await tx
    .insertInto('outgoing_messages')
    .values(columnsFor(message) as OutgoingMessageRow)
    .execute();
}

export async function findOutgoing(
  db: Executor<MessageTables>,
  key: OutgoingKey,
): Promise<OutgoingMessage | undefined> {
  const row = await byKey(db, key).executeTakeFirst();
  return row && recordOf<OutgoingMessage>(row, []);
}

/** Reads an outgoing message and locks it until the transaction ends: an event of its task waits for the transaction. */
export async function lockOutgoing(
  tx: Executor<MessageTables>,
  key: OutgoingKey,
): Promise<OutgoingMessage | undefined> {
  const row = await byKey(tx, key).forUpdate().executeTakeFirst();
  return row && recordOf<OutgoingMessage>(row, []);
}

function byKey(db: Executor<MessageTables>, { tenant, sessionId, messageId }: OutgoingKey) {
  return db
    .selectFrom('outgoing_messages')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('session_id', '=', sessionId)
    .where('message_id', '=', messageId);
}

/** Removes the outgoing message of this task. One that was accepted again since, for another task, stays. */
export async function deleteOutgoing(tx: Executor<MessageTables>, message: OutgoingKey & { taskId: string }) {
  await tx
    .deleteFrom('outgoing_messages')
    .where('tenant', '=', message.tenant)
    .where('session_id', '=', message.sessionId)
    .where('message_id', '=', message.messageId)
    .where('task_id', '=', message.taskId)
    .execute();
}

/** The outgoing messages of all tenants that were accepted so long ago, or before the clock was set back; the oldest first. */
export async function findAbandonedOutgoing(
  db: Executor<MessageTables>,
  { now, abandonedAfterMs }: { readonly now: number; readonly abandonedAfterMs: number },
  limit: number,
): Promise<OutgoingMessage[]> {
  const accepted = (when: '<' | '>', time: number) =>
    db
      .selectFrom('outgoing_messages')
      .selectAll()
      .where('created_at', when, sqlTime(time))
      .orderBy('created_at')
      .limit(limit)
      .execute();
  // two statements: with `or` the index would be read from end to end
  const rows = [...(await accepted('<', now - abandonedAfterMs)), ...(await accepted('>', now + MAX_CLOCK_SKEW_MS))];
  return rows.slice(0, limit).map((row) => recordOf<OutgoingMessage>(row, []));
}

/** Stores an agent's message in a conversation, under a number that was taken for it, and returns the row. */
export async function insertAgentMessage(
  tx: Executor<MessageTables>,
  message: OutgoingMessage,
  place: { readonly conversationId: string; readonly seq: number; readonly messageId: string; readonly now: number },
): Promise<MessageRow> {
  const at = sqlTime(place.now);
  const row: MessageRow = {
    tenant: message.tenant,
    conversation_id: place.conversationId,
    message_id: place.messageId,
    seq: place.seq,
    role: MessageRole.AGENT,
    unsure: 0,
    sender: message.agentName || message.agentId,
    content: message.content,
    content_hash: hashContent(MessageRole.AGENT, message.content),
    type: '',
    sent_at: null,
    received_at: at,
    order_at: at,
    known_received_at: null,
    receipt_before: '',
    settled: 1,
    verdict: Verdict.STORED,
    session_id: message.sessionId,
    task_id: message.taskId,
    receipt_session_id: null,
    agent_id: message.agentId,
    answers_seq: 0,
    interrupted: 0,
    delivery: message.delivery,
    delivery_seq: message.deliverySeq,
  };
  await tx.insertInto('messages').values(row).execute();
  return row;
}

/** How far a message has come, by the event with this number of its task. */
export interface DeliveryUpdate extends OutgoingKey {
  readonly taskId: string;
  readonly delivery: MessageDelivery;
  readonly deliverySeq: number;
}

/**
 * Notes how far an agent's message has come: on the outgoing message while it is there, else in the conversation. An older event
 * changes nothing.
 */
export async function updateDelivery(tx: Executor<MessageTables>, update: DeliveryUpdate): Promise<void> {
  const { tenant, sessionId, messageId, taskId, delivery, deliverySeq } = update;
  const changes = { delivery, delivery_seq: deliverySeq };
  const outgoing = await lockOutgoing(tx, update);
  if (outgoing?.taskId === taskId) {
    await tx
      .updateTable('outgoing_messages')
      .set(changes)
      .where('tenant', '=', tenant)
      .where('session_id', '=', sessionId)
      .where('message_id', '=', messageId)
      .where('delivery_seq', '<', deliverySeq)
      .execute();
    return;
  }
  let place = await findPlace(tx, update);
  while (place) {
    const { numUpdatedRows } = await tx
      .updateTable('messages')
      .set(changes)
      .where('tenant', '=', tenant)
      .where('conversation_id', '=', place.conversation_id)
      .where('message_id', '=', place.message_id)
      .where('delivery_seq', '<', deliverySeq)
      .executeTakeFirst();
    if (numUpdatedRows > 0n) return;
    // either a newer event was first, or the message has moved with its conversation since it was found
    const now = await findPlace(tx, update);
    if (now?.conversation_id === place.conversation_id) return;
    place = now;
  }
}

/** The key of an agent's message in its conversation; undefined when retention has removed it. */
function findPlace(tx: Executor<MessageTables>, { tenant, sessionId, taskId }: DeliveryUpdate) {
  return tx
    .selectFrom('messages')
    .select(['conversation_id', 'message_id'])
    .where('tenant', '=', tenant)
    .where('session_id', '=', sessionId)
    .where('task_id', '=', taskId)
    .where('agent_id', '<>', '')
    .executeTakeFirst();
}
