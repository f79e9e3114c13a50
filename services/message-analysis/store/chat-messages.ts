import { type Message, MessageRole, Verdict } from '../../../gen/autosession/message/v1/message_pb.js';
import { precompiledQuery } from '../../lib/db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { sqlTime } from '../../lib/db/sql-time.ts';
import { hashContent } from '../domain/content-hash.ts';
import type { ChatKey } from './chats.ts';
import { findMessage, toMessage } from './session-messages.ts';
import type { MessageRow, MessageTables } from './tables.ts';

/** A message of a chat, to be stored. */
export interface ChatMessage {
  readonly messageId: string;
  readonly seq: number;
  readonly role: MessageRole;
  /** The user's id, the bot's id, or the agent's name. */
  readonly sender: string;
  readonly agentId?: string;
  readonly content: string;
  /** For a bot's answer: the number of the last user message that it answers. */
  readonly answersSeq?: number;
  /** Whether a change of control interrupted this answer. */
  readonly interrupted?: boolean;
}

/** Stores a message of a chat and returns it. Fails on the primary key when its id is taken: roll back and read it. */
export async function addChatMessage(
  tx: Executor<MessageTables>,
  { tenant, sessionId }: ChatKey,
  message: ChatMessage,
  now: number,
): Promise<Message> {
  const { messageId, seq, role, sender, content, agentId = '', answersSeq = 0, interrupted = false } = message;
  const at = sqlTime(now);
  const row: MessageRow = {
    tenant,
    conversation_id: sessionId,
    message_id: messageId,
    seq,
    role,
    unsure: 0,
    sender,
    content,
    content_hash: hashContent(role, content),
    type: '',
    sent_at: at,
    received_at: at,
    order_at: at,
    known_received_at: null,
    receipt_before: '',
    settled: 1,
    verdict: Verdict.STORED,
    session_id: sessionId,
    task_id: null,
    receipt_session_id: null,
    agent_id: agentId,
    answers_seq: answersSeq,
    interrupted: interrupted ? 1 : 0,
    delivery: 0,
    delivery_seq: 0,
  };
  await insertMessage.enqueue(tx, { row });
  return toMessage(row);
}

const insertMessage = precompiledQuery((db: Executor<MessageTables>, { row }: { row: MessageRow }) =>
  db.insertInto('messages').values(row),
);

/** A stored message of a chat by its id. */
export function findChatMessage(
  db: Executor<MessageTables>,
  { tenant, sessionId }: ChatKey,
  messageId: string,
): Promise<MessageRow | undefined> {
  return findMessage(db, { tenant, conversationId: sessionId, messageId });
}

/** The last `limit` messages of a chat, oldest first. */
export async function lastChatMessages(
  db: Executor<MessageTables>,
  { tenant, sessionId }: ChatKey,
  limit: number,
): Promise<MessageRow[]> {
  return (await selectLast(db, { tenant, sessionId, limit })).rows.toReversed();
}

const selectLast = precompiledQuery(
  (db: Executor<MessageTables>, { tenant, sessionId, limit }: ChatKey & { limit: number }) =>
    db
      .selectFrom('messages')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('conversation_id', '=', sessionId)
      .orderBy('seq', 'desc')
      .limit(limit),
);

/** The bot's answer to the user message with this number: a complete one before an interrupted one, then the first. */
export async function findAnswer(
  db: Executor<MessageTables>,
  { tenant, sessionId }: ChatKey,
  userSeq: number,
): Promise<MessageRow | undefined> {
  return db
    .selectFrom('messages')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('conversation_id', '=', sessionId)
    .where('seq', '>', userSeq)
    .where('role', '=', MessageRole.ASSISTANT)
    .where('answers_seq', '>=', userSeq)
    .orderBy('interrupted')
    .orderBy('seq')
    .limit(1)
    .executeTakeFirst();
}
