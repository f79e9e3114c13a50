import { precompiledQuery } from '../../lib/db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { sqlTime } from '../../lib/db/sql-time.ts';
import { type KnownSession, knownSessionOfRow, supersedes } from './conversation.ts';
import type { ConversationRow, MessageTables } from './tables.ts';
import { isSameSessionState, knownSessionColumns } from './verdicts.ts';

interface PartiesKey {
  readonly tenant: string;
  readonly accountKey: string;
  readonly shopKey: string;
}

/** A session and its parties. */
export interface SessionUpdate extends PartiesKey {
  readonly session: KnownSession;
}

/** The updates that are newer than what their conversation knows; see `supersedes`. One statement. */
export async function findStale(
  db: Executor<MessageTables>,
  update: readonly SessionUpdate[],
): Promise<SessionUpdate[]> {
  const parties = update.map(({ tenant, accountKey, shopKey }) => ({ tenant, accountKey, shopKey }));
  const { rows } = await selectKnownSessions(db, { parties });
  const known = new Map(rows.map((row) => [keyOf(row.tenant, row.account_key, row.shop_key), knownSessionOfRow(row)]));
  return update.filter(({ tenant, accountKey, shopKey, session }) => {
    const key = keyOf(tenant, accountKey, shopKey);
    const current = known.get(key);
    return known.has(key) && !isSameSessionState(session, current) && supersedes(session, current);
  });
}

function keyOf(...parts: readonly string[]): string {
  return JSON.stringify(parts);
}

const selectKnownSessions = precompiledQuery(
  (db: Executor<MessageTables>, { parties }: { parties: readonly PartiesKey[] }) =>
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

/** Stores a session on the conversation of its parties, unless a newer one is stored there; see `supersedes`. */
export async function applySessionUpdate(
  db: Executor<MessageTables>,
  { tenant, accountKey, shopKey, session }: SessionUpdate,
): Promise<void> {
  const { sessionId, version } = session;
  const changes = knownSessionColumns(session);
  await updateSessionColumns(db, {
    tenant,
    accountKey,
    shopKey,
    sessionId,
    version,
    openedAt: sqlTime(session.openedAt),
    changes,
  });
}

interface SessionUpdateColumns extends PartiesKey {
  readonly sessionId: string;
  readonly version: number;
  readonly openedAt: string;
  readonly changes: Partial<ConversationRow>;
}

const updateSessionColumns = precompiledQuery((db: Executor<MessageTables>, update: SessionUpdateColumns) =>
  db
    .updateTable('conversations')
    .set(update.changes)
    .where('tenant', '=', update.tenant)
    .where('shop_key', '=', update.shopKey)
    .where('account_key', '=', update.accountKey)
    .where((eb) =>
      eb.or([
        eb('session_opened_at', 'is', null),
        eb.and([eb('session_id', '=', update.sessionId), eb('session_version', '<=', update.version)]),
        eb.and([eb('session_id', '!=', update.sessionId), eb('session_opened_at', '<', update.openedAt)]),
        eb.and([eb('session_id', '<', update.sessionId), eb('session_opened_at', '=', update.openedAt)]),
      ]),
    ),
);
