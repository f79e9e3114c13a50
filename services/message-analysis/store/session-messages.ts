import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Message, MessageSchema } from '../../../gen/autosession/message/v1/message_pb.js';
import { precompiledQuery } from '../../lib/db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { parseSqlTime, parseSqlTimeOrUndefined, sqlTime } from '../../lib/db/sql-time.ts';
import type { MessageCursor } from '../domain/message-cursor.ts';
import { displayContent } from '../domain/message-kind.ts';
import type { MessageRow, MessageTables } from './tables.ts';

/** The last `limit` messages of a session before a place, oldest first; each with its place. */
export async function lastMessages(
  db: Executor<MessageTables>,
  tenant: string,
  sessionId: string,
  limit: number,
  before?: MessageCursor,
): Promise<{ message: Message; place: MessageCursor }[]> {
  let query = db
    .selectFrom('messages')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('session_id', '=', sessionId)
    .orderBy('order_at', 'desc')
    .orderBy('seq', 'desc')
    .limit(limit);
  if (before) {
    const time = sqlTime(before.orderAt);
    query = query.where((eb) =>
      eb.or([eb('order_at', '<', time), eb.and([eb('order_at', '=', time), eb('seq', '<', before.seq)])]),
    );
  }
  const rows = await query.execute();
  return rows
    .reverse()
    .map((row) => ({ message: toMessage(row), place: { orderAt: parseSqlTime(row.order_at), seq: row.seq } }));
}

/** The key of a message. The conversation of a chat has the id of its session. */
export interface MessageKey {
  readonly tenant: string;
  readonly conversationId: string;
  readonly messageId: string;
}

/** A stored message by its id. */
export async function findMessage(db: Executor<MessageTables>, key: MessageKey): Promise<MessageRow | undefined> {
  return (await selectMessage(db, key)).rows[0];
}

const selectMessage = precompiledQuery(
  (db: Executor<MessageTables>, { tenant, conversationId, messageId }: MessageKey) =>
    db
      .selectFrom('messages')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('conversation_id', '=', conversationId)
      .where('message_id', '=', messageId),
);

/**
 * A message of a session by its id, in whichever conversation it is: that of a session of an account and a shop may have been merged since,
 * or will be.
 */
export async function findSessionMessage(
  db: Executor<MessageTables>,
  { tenant, sessionId, messageId }: { readonly tenant: string; readonly sessionId: string; readonly messageId: string },
): Promise<MessageRow | undefined> {
  return db
    .selectFrom('messages')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('session_id', '=', sessionId)
    .where('message_id', '=', messageId)
    .executeTakeFirst();
}

/** How many messages belong to a session. */
export async function countMessages(db: Executor<MessageTables>, tenant: string, sessionId: string): Promise<number> {
  const row = await db
    .selectFrom('messages')
    .select((eb) => eb.fn.countAll().as('count'))
    .where('tenant', '=', tenant)
    .where('session_id', '=', sessionId)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** A stored message as the contract shows it. */
export function toMessage(row: MessageRow): Message {
  const sentAt = parseSqlTimeOrUndefined(row.sent_at);
  const receivedAt = parseSqlTime(row.received_at);
  return create(MessageSchema, {
    messageId: row.message_id,
    seq: row.seq,
    role: row.role,
    sender: row.sender,
    content: displayContent(row),
    sentAt: sentAt === undefined ? undefined : timestampFromMs(sentAt),
    receivedAt: timestampFromMs(receivedAt),
    verdict: row.verdict,
    sessionId: row.session_id ?? '',
    type: row.type,
    taskId: row.task_id ?? '',
    agentId: row.agent_id,
    agentName: row.agent_id ? row.sender : '',
    timestamp: (sentAt ?? receivedAt) / 1_000,
    interrupted: row.interrupted === 1,
    delivery: row.delivery,
  });
}
