import { precompiledQuery } from '../../lib/db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import type { ProcessedMessage } from '../domain/conversation-types.ts';
import { UNKNOWN_ACCOUNT } from '../domain/session.ts';
import type { SessionTables } from './tables.ts';

/** The conversation of one account with one shop. */
export interface ConversationKey {
  readonly accountKey: string;
  readonly shopKey: string;
}

/** Records the messages that had an effect, in its transaction. Fails on the primary key when one was recorded before. */
export async function addProcessedMessages(
  tx: Executor<SessionTables>,
  tenant: string,
  { accountKey, shopKey }: ConversationKey,
  processed: readonly ProcessedMessage[],
): Promise<void> {
  if (processed.length === 0) return;
  const rows = processed.map(({ messageId, sessionId, kind }) => ({
    tenant,
    account_key: accountKey,
    shop_key: shopKey,
    message_id: messageId,
    session_id: sessionId,
    kind,
  }));
  await tx.insertInto('conversation_trigger').values(rows).execute();
}

/**
 * The messages that already opened a session or proved an intervention, with that session; also from before the account was
 * known, and from shops that were merged into this one.
 */
export async function findProcessedMessages(
  db: Executor<SessionTables>,
  tenant: string,
  { accountKey, shopKey, formerShopKeys }: ConversationKey & { readonly formerShopKeys: readonly string[] },
  messageIds: readonly string[],
): Promise<Map<string, string>> {
  if (messageIds.length === 0) return new Map();
  const accountKeys = [...new Set([accountKey, UNKNOWN_ACCOUNT])];
  const { rows } = await select(db, { tenant, accountKeys, shopKeys: [shopKey, ...formerShopKeys], messageIds });
  return new Map(rows.map((row) => [row.message_id, row.session_id]));
}

interface WantedTriggers {
  readonly tenant: string;
  readonly accountKeys: readonly string[];
  readonly shopKeys: readonly string[];
  readonly messageIds: readonly string[];
}

const select = precompiledQuery((db: Executor<SessionTables>, wanted: WantedTriggers) =>
  db
    .selectFrom('conversation_trigger')
    .select(['message_id', 'session_id'])
    .where('tenant', '=', wanted.tenant)
    .where('account_key', 'in', wanted.accountKeys)
    .where('shop_key', 'in', wanted.shopKeys)
    .where('message_id', 'in', wanted.messageIds),
);
