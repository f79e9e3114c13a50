import { precompiledQuery } from '../../lib/db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { parseSqlTime } from '../../lib/db/sql-time.ts';
import type { StoredMessage } from '../domain/diff-batch.ts';
import {
  type ConversationParties,
  type StoredConversation,
  toStoredConversation,
  UNKNOWN_ACCOUNT_KEY,
} from './conversation.ts';
import type { ConversationRow, MessageRow, MessageTables } from './tables.ts';

/** A conversation with those of the requested messages that it contains. */
export interface ConversationWithMessages {
  readonly conversation: StoredConversation;
  readonly messages: ReadonlyMap<string, StoredMessage>;
}

/** The stored conversations that a batch concerns. */
export interface ConversationLookup {
  /** The parties' conversation; undefined when they have none yet. */
  readonly own?: ConversationWithMessages;
  /**
   * A conversation to be adopted by the parties: that of the account with a shop that was merged into this one; or one
   * without account, when the batch's account is known and it contains some of the messages.
   */
  readonly adoptable?: ConversationWithMessages;
}

const MESSAGE_COLUMNS = [
  'm.message_id',
  'm.seq',
  'm.content_hash',
  'm.role',
  'm.unsure',
  'm.type',
  'm.settled',
  'm.received_at',
  'm.receipt_session_id',
] as const;

type StoredColumns = Pick<
  MessageRow,
  'message_id' | 'seq' | 'content_hash' | 'role' | 'unsure' | 'type' | 'settled' | 'received_at' | 'receipt_session_id'
>;
type RowWithMessage = ConversationRow & StoredColumns;
/** A conversation that contains none of the messages is one row without any. */
type LookupRow = ConversationRow & { [K in keyof StoredColumns]: StoredColumns[K] | null };

const hasMessage = (row: LookupRow): row is RowWithMessage => row.message_id !== null;

/**
 * The parties' conversation and the given ids that are stored in it, or in one that may become theirs: one statement, with a
 * further part for each former key of the shop.
 */
export async function lookUpConversations(
  db: Executor<MessageTables>,
  tenant: string,
  parties: Pick<ConversationParties, 'accountKey' | 'shopKey'> & { readonly formerShopKeys: readonly string[] },
  messageIds: readonly string[],
): Promise<ConversationLookup> {
  const { accountKey, shopKey, formerShopKeys } = parties;
  const shopKeys = [shopKey, ...formerShopKeys];
  const accountKeys = [...new Set([accountKey, UNKNOWN_ACCOUNT_KEY])];
  const { rows } = await selectConversations(db, { tenant, shopKeys, accountKeys, messageIds });
  const own = pickConversation(rows, shopKey, accountKey);
  const ofMergedShop = formerShopKeys.map((key) => pickConversation(rows, key, accountKey)).find(Boolean);
  if (ofMergedShop || accountKey === UNKNOWN_ACCOUNT_KEY) return { own, adoptable: ofMergedShop };
  const candidates = shopKeys.map((key) => pickConversation(rows, key, UNKNOWN_ACCOUNT_KEY));
  return { own, adoptable: candidates.find((conversation) => conversation?.messages.size) };
}

interface LookupKeys {
  readonly tenant: string;
  /** Usually one. */
  readonly shopKeys: readonly string[];
  /** One or two. */
  readonly accountKeys: readonly string[];
  readonly messageIds: readonly string[];
}

const selectConversations = precompiledQuery(
  (db: Executor<MessageTables>, { tenant, shopKeys, accountKeys, messageIds }: LookupKeys) => {
    const [first, ...others] = shopKeys.flatMap((shopKey) =>
      accountKeys.map((accountKey) => conversationQuery(db, { tenant, shopKey, accountKey }, messageIds)),
    );
    return others.reduce((union, other) => union.unionAll(other), first!);
  },
);

/** One conversation by its unique key: the optimizer then knows its id, and reads only the messages that are asked for. */
function conversationQuery(
  db: Executor<MessageTables>,
  key: { readonly tenant: string; readonly shopKey: string; readonly accountKey: string },
  messageIds: readonly string[],
) {
  return db
    .selectFrom('conversations as c')
    .leftJoin('messages as m', (join) =>
      join
        .onRef('m.tenant', '=', 'c.tenant')
        .onRef('m.conversation_id', '=', 'c.conversation_id')
        .on('m.message_id', 'in', messageIds),
    )
    .selectAll('c')
    .select(MESSAGE_COLUMNS)
    .where('c.tenant', '=', key.tenant)
    .where('c.shop_key', '=', key.shopKey)
    .where('c.account_key', '=', key.accountKey);
}

function pickConversation(
  rows: readonly LookupRow[],
  shopKey: string,
  accountKey: string,
): ConversationWithMessages | undefined {
  const matching = rows.filter((row) => row.account_key === accountKey && row.shop_key === shopKey);
  const [first] = matching;
  if (!first) return undefined;
  const stored = matching.filter(hasMessage).map(toStoredMessage);
  return {
    conversation: toStoredConversation(first),
    messages: new Map(stored.map((message) => [message.messageId, message])),
  };
}

function toStoredMessage(row: StoredColumns): StoredMessage {
  return {
    messageId: row.message_id,
    seq: row.seq,
    contentHash: row.content_hash,
    role: row.role,
    unsure: row.unsure === 1,
    type: row.type,
    settled: row.settled === 1,
    receivedAt: parseSqlTime(row.received_at),
    receiptSessionId: row.receipt_session_id ?? '',
  };
}

/** The stored messages, with their contents for some ids. */
export async function loadContents(
  db: Executor<MessageTables>,
  { tenant, conversationId }: { readonly tenant: string; readonly conversationId: string },
  messages: ConversationWithMessages['messages'],
  messageIds: readonly string[],
): Promise<ConversationWithMessages['messages']> {
  const rows = await db
    .selectFrom('messages')
    .select(['message_id', 'content'])
    .where('tenant', '=', tenant)
    .where('conversation_id', '=', conversationId)
    .where('message_id', 'in', [...messageIds])
    .execute();
  const contents = new Map(rows.map(({ message_id, content }) => [message_id, content]));
  return new Map([...messages].map(([id, message]) => [id, { ...message, content: contents.get(id) }]));
}
