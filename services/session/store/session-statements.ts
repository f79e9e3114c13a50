import type { Executor } from '../../lib/db/database.ts';
import { prepared } from '../../lib/db/prepared.ts';
import { keysWhileNamed, type PartyNames } from './alias-use.ts';
import type { SessionTables } from './schema.ts';

const ofTenant = (db: Executor<SessionTables>, tenant: string) =>
  db.selectFrom('sessions').selectAll().where('tenant', '=', tenant);

export const byIds = prepared(
  (db: Executor<SessionTables>, { tenant, sessionIds }: { tenant: string; sessionIds: readonly string[] }) =>
    ofTenant(db, tenant).where('session_id', 'in', sessionIds),
  { joint: { by: 'sessionIds', column: 'session_id' } },
);

export const onSlots = prepared(
  (db: Executor<SessionTables>, { tenant, slots }: { tenant: string; slots: readonly string[] }) =>
    ofTenant(db, tenant).where('open_slot', 'in', slots),
  { joint: { by: 'slots', column: 'open_slot' } },
);

interface PartiesKey {
  readonly tenant: string;
  readonly accountKey: string;
  readonly shopKey: string;
}

const newest = (db: Executor<SessionTables>, { tenant, accountKey, shopKey }: PartiesKey) =>
  db
    .selectFrom('sessions')
    .where('tenant', '=', tenant)
    .where('account_key', '=', accountKey)
    .where('shop_key', '=', shopKey)
    .orderBy('created_at', 'desc')
    .orderBy('session_id', 'desc')
    .limit(1);

export const newestOf = prepared((db: Executor<SessionTables>, parties: PartiesKey) => newest(db, parties).selectAll());

interface Wanted extends PartiesKey {
  readonly slots: readonly string[];
  readonly sessionIds: readonly string[];
}

/**
 * Sessions on slots, the newest of two parties and some by id, in one answer: its 40 columns are described once. The newest
 * is looked for by its id, since a derived table with a text column is built on disk.
 */
export const onSlotsOrNewestOrById = prepared((db: Executor<SessionTables>, wanted: Wanted) => {
  const { tenant, slots, sessionIds } = wanted;
  const found = ofTenant(db, tenant)
    .where('open_slot', 'in', slots)
    .unionAll(ofTenant(db, tenant).where('session_id', '=', newest(db, wanted).select('session_id')));
  return sessionIds.length > 0 ? found.unionAll(ofTenant(db, tenant).where('session_id', 'in', sessionIds)) : found;
});

export const openPartiesOf = prepared(
  (db: Executor<SessionTables>, { tenant, shopKey }: { tenant: string; shopKey: string }) =>
    db
      .selectFrom('sessions')
      .select(['account_key', 'account_id'])
      .where('tenant', '=', tenant)
      .where('shop_key', '=', shopKey)
      .where('wake_at', 'is not', null),
);

/** What was opened or taken by a request with this hash: ids and times alone, since most requests come once. */
export const servedBy = prepared(
  (db: Executor<SessionTables>, { tenant, hashes }: { tenant: string; hashes: readonly string[] }) => {
    const served = (column: 'create_hash' | 'taken_hash') =>
      db
        .selectFrom('sessions')
        .select(['session_id', 'created_at', `${column} as hash`])
        .where('tenant', '=', tenant)
        .where(column, 'in', hashes);
    return served('create_hash').unionAll(served('taken_hash'));
  },
  { joint: { by: 'hashes', column: 'hash' } },
);

export const insertSession = prepared(
  (db: Executor<SessionTables>, { row, names }: { row: object; names: PartyNames }) =>
    db.insertInto('sessions').values({ ...row, ...keysWhileNamed(names) } as never),
);

interface Replacement {
  readonly tenant: string;
  readonly sessionId: string;
  readonly version: number;
  readonly row: object;
}

const replace = (db: Executor<SessionTables>, { tenant, sessionId, version, row }: Replacement) =>
  db
    .updateTable('sessions')
    .set(row as never)
    .where('tenant', '=', tenant)
    .where('session_id', '=', sessionId)
    .where('version', '=', version);

/** Writes the row if nobody has changed the session since `version`; a touch does not count. */
export const replaceVersion = prepared(replace);

/** Writes the row if nobody has changed or touched the session since. */
export const replaceSession = prepared(
  (db: Executor<SessionTables>, to: Replacement & { readonly lastActivity: string }) =>
    replace(db, to).where('last_activity', '=', to.lastActivity),
);
