import type { Executor } from '../../lib/db/database.ts';
import { prepared } from '../../lib/db/prepared.ts';
import { sqlTime } from '../../lib/db/time.ts';
import type { KnownSession } from './conversation.ts';
import { sessionColumns } from './settle.ts';
import type { ConversationRow, MessageTables } from './tables.ts';

/** Keeps a session on the conversation of its parties, unless something newer is kept there; see `supersedes`. */
export async function keepSession(
  tx: Executor<MessageTables>,
  tenant: string,
  parties: { readonly accountKey: string; readonly shopKey: string },
  session: KnownSession,
): Promise<void> {
  const { accountKey, shopKey } = parties;
  const { sessionId, version } = session;
  const changes = sessionColumns(session);
  await keep.later(tx, {
    tenant,
    accountKey,
    shopKey,
    sessionId,
    version,
    openedAt: sqlTime(session.openedAt),
    changes,
  });
}

interface News {
  readonly tenant: string;
  readonly accountKey: string;
  readonly shopKey: string;
  readonly sessionId: string;
  readonly version: number;
  readonly openedAt: string;
  readonly changes: Partial<ConversationRow>;
}

const keep = prepared((db: Executor<MessageTables>, news: News) =>
  db
    .updateTable('conversations')
    .set(news.changes)
    .where('tenant', '=', news.tenant)
    .where('shop_key', '=', news.shopKey)
    .where('account_key', '=', news.accountKey)
    .where((eb) =>
      eb.or([
        eb('session_opened_at', 'is', null),
        eb.and([eb('session_id', '=', news.sessionId), eb('session_version', '<=', news.version)]),
        eb.and([eb('session_id', '!=', news.sessionId), eb('session_opened_at', '<', news.openedAt)]),
        eb.and([eb('session_id', '<', news.sessionId), eb('session_opened_at', '=', news.openedAt)]),
      ]),
    ),
);
