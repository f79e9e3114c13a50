import type { Executor } from '../../lib/db/database.ts';
import { prepared } from '../../lib/db/prepared.ts';
import { sqlTime } from '../../lib/db/time.ts';
import { type KnownSession, knownSession, supersedes } from './conversation.ts';
import { sameNews, sessionColumns } from './settle.ts';
import type { ConversationRow, MessageTables } from './tables.ts';

interface PartiesKey {
  readonly tenant: string;
  readonly accountKey: string;
  readonly shopKey: string;
}

/** A session and whose it is. */
export interface SessionOfParties extends PartiesKey {
  readonly session: KnownSession;
}

/** Those of the sessions that their conversation does not know as well or better; see `supersedes`. One statement. */
export async function whereNew(
  db: Executor<MessageTables>,
  news: readonly SessionOfParties[],
): Promise<SessionOfParties[]> {
  const parties = news.map(({ tenant, accountKey, shopKey }) => ({ tenant, accountKey, shopKey }));
  const { rows } = await selectKnown(db, { parties });
  const known = new Map(rows.map((row) => [keyOf(row.tenant, row.account_key, row.shop_key), knownSession(row)]));
  return news.filter(({ tenant, accountKey, shopKey, session }) => {
    const key = keyOf(tenant, accountKey, shopKey);
    const current = known.get(key);
    return known.has(key) && !sameNews(session, current) && supersedes(session, current);
  });
}

function keyOf(...parts: readonly string[]): string {
  return JSON.stringify(parts);
}

const selectKnown = prepared((db: Executor<MessageTables>, { parties }: { parties: readonly PartiesKey[] }) =>
  db
    .selectFrom('conversations')
    .select([
      'tenant',
      'account_key',
      'shop_key',
      'session_id',
      'session_opened_at',
      'session_version',
      'session_state',
      'session_status',
    ])
    .where((eb) =>
      eb.or(
        parties.map(({ tenant, shopKey, accountKey }) =>
          eb.and([eb('tenant', '=', tenant), eb('shop_key', '=', shopKey), eb('account_key', '=', accountKey)]),
        ),
      ),
    ),
);

/** Keeps a session on the conversation of its parties, unless something newer is kept there; see `supersedes`. */
export async function keepSession(
  db: Executor<MessageTables>,
  { tenant, accountKey, shopKey, session }: SessionOfParties,
): Promise<void> {
  const { sessionId, version } = session;
  const changes = sessionColumns(session);
  await keep(db, { tenant, accountKey, shopKey, sessionId, version, openedAt: sqlTime(session.openedAt), changes });
}

interface News extends PartiesKey {
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
