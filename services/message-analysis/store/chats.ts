import { precompiledQuery } from '../../lib/db/precompiled-query/precompiled-query.ts';
import { columnsFor, recordOf } from '../../lib/db/row-mapping.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { onDuplicateUpdate } from '../../lib/db/upsert.ts';
import type { ChatSession } from '../domain/chat-session.ts';
import type { ChatTurn } from '../domain/turn.ts';
import type { MessageTables } from './tables.ts';

/** A chat session's key in the database. */
export interface ChatKey {
  readonly tenant: string;
  readonly sessionId: string;
}

/** Reads a chat session and its newest turn, and locks both until the end of the transaction. */
export async function lockChat(
  tx: Executor<MessageTables>,
  key: ChatKey,
): Promise<{ chat?: ChatSession; turn?: ChatTurn }> {
  const [chats, turns] = await Promise.all([selectChatLocked(tx, key), selectTurnLocked(tx, key)]);
  return { chat: chats.rows.map(chatOf)[0], turn: turns.rows.map(turnOf)[0] };
}

/** Reads a chat session and its newest turn. */
export async function findChat(
  db: Executor<MessageTables>,
  key: ChatKey,
): Promise<{ chat?: ChatSession; turn?: ChatTurn }> {
  const [chats, turns] = await Promise.all([selectChat(db, key), selectTurn(db, key)]);
  return { chat: chats.rows.map(chatOf)[0], turn: turns.rows.map(turnOf)[0] };
}

/** Reads the newest turn of a chat session. */
export async function findTurn(db: Executor<MessageTables>, key: ChatKey): Promise<ChatTurn | undefined> {
  return (await selectTurn(db, key)).rows.map(turnOf)[0];
}

/** Stores a new chat session. A duplicate may only fail at the commit. */
export const insertChat = (tx: Executor<MessageTables>, chat: ChatSession): Promise<void> =>
  insertChatRow.enqueue(tx, { row: columnsFor(chat) });

/** Writes a chat session that this transaction has locked. */
export const updateChat = (tx: Executor<MessageTables>, chat: ChatSession): Promise<void> =>
  upsertChatRow.enqueue(tx, { row: columnsFor({ ...chat, escalation: chat.escalation }) });

/** Writes the newest turn of a chat session that this transaction has locked. */
export const saveTurn = (tx: Executor<MessageTables>, turn: ChatTurn): Promise<void> =>
  upsertTurnRow.enqueue(tx, { row: columnsFor(turn) });

const chatByKey = (db: Executor<MessageTables>, { tenant, sessionId }: ChatKey) =>
  db.selectFrom('chat_sessions').selectAll().where('tenant', '=', tenant).where('session_id', '=', sessionId);
const turnByKey = (db: Executor<MessageTables>, { tenant, sessionId }: ChatKey) =>
  db.selectFrom('chat_turns').selectAll().where('tenant', '=', tenant).where('session_id', '=', sessionId);

const selectChat = precompiledQuery(chatByKey);
const selectTurn = precompiledQuery(turnByKey);
const selectChatLocked = precompiledQuery((db: Executor<MessageTables>, key: ChatKey) =>
  chatByKey(db, key).forUpdate(),
);
const selectTurnLocked = precompiledQuery((db: Executor<MessageTables>, key: ChatKey) =>
  turnByKey(db, key).forUpdate(),
);

const insertChatRow = precompiledQuery((db: Executor<MessageTables>, { row }: { row: object }) =>
  db.insertInto('chat_sessions').values(row as never),
);
const upsertChatRow = precompiledQuery((db: Executor<MessageTables>, { row }: { row: object }, dialect) =>
  onDuplicateUpdate(db.insertInto('chat_sessions').values(row as never), dialect, {
    key: ['tenant', 'session_id'],
    columns: Object.keys(row),
  }),
);
const upsertTurnRow = precompiledQuery((db: Executor<MessageTables>, { row }: { row: object }, dialect) =>
  onDuplicateUpdate(db.insertInto('chat_turns').values(row as never), dialect, {
    key: ['tenant', 'session_id'],
    columns: Object.keys(row),
  }),
);

/** What a process knows of the turn whose lease it renews. */
export interface TurnRenewal extends ChatKey {
  readonly turnId: string;
  readonly handedOut: string;
}

/**
 * Renews the lease of a turn, with the text that was handed out so far. False when the turn is not this process's any more: it
 * was asked to stop, taken away, or has ended.
 */
export async function renewTurn(db: Executor<MessageTables>, renewal: TurnRenewal): Promise<boolean> {
  const { tenant, sessionId, turnId, handedOut } = renewal;
  const result = await db
    .updateTable('chat_turns')
    .set((eb) => ({ renewals: eb('renewals', '+', 1), handed_out: handedOut }))
    .where('tenant', '=', tenant)
    .where('session_id', '=', sessionId)
    .where('turn_id', '=', turnId)
    .where('running', '=', 1)
    .where('stop_requested', '=', 0)
    .executeTakeFirst();
  return Number(result.numUpdatedRows) > 0;
}

/** At most so many turns are looked at in one statement. */
const MAX_TURNS = 1_000;

/** The running turns of all tenants, or only those that were asked to stop. */
export async function findRunningTurns(
  db: Executor<MessageTables>,
  { stopRequested }: { readonly stopRequested?: true } = {},
): Promise<Pick<ChatTurn, 'tenant' | 'sessionId' | 'turnId' | 'renewals'>[]> {
  let query = db
    .selectFrom('chat_turns')
    .select(['tenant', 'session_id', 'turn_id', 'renewals'])
    .where('running', '=', 1)
    .limit(MAX_TURNS);
  if (stopRequested) query = query.where('stop_requested', '=', 1);
  return (await query.execute()).map((row) => recordOf(row, []));
}

/** Chat sessions of all tenants for which the sweep has something to do, the longest waiting first. */
export async function findDueChats(db: Executor<MessageTables>, limit: number): Promise<ChatSession[]> {
  const rows = await db
    .selectFrom('chat_sessions')
    .selectAll()
    .where('due', '=', 1)
    .orderBy('updated_at')
    .limit(limit)
    .execute();
  return rows.map(chatOf);
}

function chatOf(row: MessageTables['chat_sessions']): ChatSession {
  return recordOf<ChatSession>(row, ['paused', 'escalationAfter', 'due']);
}

function turnOf(row: MessageTables['chat_turns']): ChatTurn {
  return recordOf<ChatTurn>(row, ['running', 'stopRequested', 'complete', 'messageStored', 'delivers']);
}
