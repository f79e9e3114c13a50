import type { Executor } from '../../lib/db/database.ts';
import { sqlTime } from '../../lib/db/time.ts';
import type { KnownSession } from './conversation.ts';
import { sessionColumns } from './settle.ts';
import type { MessageTables } from './tables.ts';

/** Keeps a session on the conversation of its parties, unless something newer is kept there; see `supersedes`. */
export async function keepSession(
  db: Executor<MessageTables>,
  tenant: string,
  parties: { readonly accountKey: string; readonly shopKey: string },
  session: KnownSession,
): Promise<void> {
  const openedAt = sqlTime(session.openedAt);
  await db
    .updateTable('conversations')
    .set(sessionColumns(session))
    .where('tenant', '=', tenant)
    .where('shop_key', '=', parties.shopKey)
    .where('account_key', '=', parties.accountKey)
    .where((eb) =>
      eb.or([
        eb('session_opened_at', 'is', null),
        eb.and([eb('session_id', '=', session.sessionId), eb('session_version', '<=', session.version)]),
        eb.and([eb('session_id', '!=', session.sessionId), eb('session_opened_at', '<', openedAt)]),
        eb.and([eb('session_id', '<', session.sessionId), eb('session_opened_at', '=', openedAt)]),
      ]),
    )
    .execute();
}
