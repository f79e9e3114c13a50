import type { Dialect, Executor } from '../../lib/db/database.ts';
import { prepared } from '../../lib/db/prepared.ts';
import { keysWhileNamed, type PartyNames } from './alias-use.ts';
import type { SessionTables } from './schema.ts';

const ofTenant = (db: Executor<SessionTables>, tenant: string) =>
  db.selectFrom('sessions').selectAll().where('tenant', '=', tenant);

export const byIds = prepared(
  (db: Executor<SessionTables>, { tenant, sessionIds }: { tenant: string; sessionIds: readonly string[] }) =>
    ofTenant(db, tenant).where('session_id', 'in', sessionIds),
);

export const onSlots = prepared(
  (db: Executor<SessionTables>, { tenant, slots }: { tenant: string; slots: readonly string[] }) =>
    ofTenant(db, tenant).where('open_slot', 'in', slots),
);

interface PartiesKey {
  readonly tenant: string;
  readonly accountKey: string;
  readonly shopKey: string;
}

const selectNewest = (db: Executor<SessionTables>, { tenant, accountKey, shopKey }: PartiesKey) =>
  ofTenant(db, tenant)
    .where('account_key', '=', accountKey)
    .where('shop_key', '=', shopKey)
    .orderBy('created_at', 'desc')
    .orderBy('session_id', 'desc')
    .limit(1);

export const newestOf = prepared(selectNewest);

/** At most this many sessions with one hash are looked at, the newest ones. */
const SAME_HASH = 20;

const withHash = (column: 'create_hash' | 'taken_hash') =>
  prepared((db: Executor<SessionTables>, { tenant, hash }: { tenant: string; hash: string }) =>
    ofTenant(db, tenant).where(column, '=', hash).orderBy('created_at', 'desc').limit(SAME_HASH),
  );
export const createdBy = withHash('create_hash');
export const takenBy = withHash('taken_hash');

export const insertSession = prepared(
  (db: Executor<SessionTables>, { row, names }: { row: object; names: PartyNames }, dialect: Dialect) =>
    db.insertInto('sessions').values({ ...row, ...keysWhileNamed(names, dialect) } as never),
);

interface Replacement {
  readonly tenant: string;
  readonly sessionId: string;
  readonly version: number;
  readonly lastActivity: string;
  readonly row: object;
}

export const replaceSession = prepared(
  (db: Executor<SessionTables>, { tenant, sessionId, version, lastActivity, row }: Replacement) =>
    db
      .updateTable('sessions')
      .set(row as never)
      .where('tenant', '=', tenant)
      .where('session_id', '=', sessionId)
      .where('version', '=', version)
      .where('last_activity', '=', lastActivity),
);
