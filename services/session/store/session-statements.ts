import { precompiledQuery } from '../../lib/db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { keysIfCurrent, type SessionAliases } from './alias-guard.ts';
import type { SessionTables } from './tables.ts';

const ofTenant = (db: Executor<SessionTables>, tenant: string) =>
  db.selectFrom('sessions').selectAll().where('tenant', '=', tenant);

export const selectSessionsById = precompiledQuery(
  (db: Executor<SessionTables>, { tenant, sessionIds }: { tenant: string; sessionIds: readonly string[] }) =>
    ofTenant(db, tenant).where('session_id', 'in', sessionIds),
  { batchKey: { parameter: 'sessionIds', keyColumn: 'session_id' } },
);

export const selectSessionsBySlot = precompiledQuery(
  (db: Executor<SessionTables>, { tenant, slots }: { tenant: string; slots: readonly string[] }) =>
    ofTenant(db, tenant).where('open_slot', 'in', slots),
  { batchKey: { parameter: 'slots', keyColumn: 'open_slot' } },
);

export const selectSessionsByOpenName = precompiledQuery(
  (db: Executor<SessionTables>, { tenant, names }: { tenant: string; names: readonly string[] }) =>
    ofTenant(db, tenant).where('open_name', 'in', names),
  { batchKey: { parameter: 'names', keyColumn: 'open_name' } },
);

/** A closed session of a name is only looked up when no session of the name is open. */
export const selectNewestByName = precompiledQuery(
  (db: Executor<SessionTables>, { tenant, name }: { tenant: string; name: string }) =>
    ofTenant(db, tenant)
      .where('session_name', '=', name)
      .orderBy('created_at', 'desc')
      .orderBy('session_id', 'desc')
      .limit(1),
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

export const selectNewestSession = precompiledQuery((db: Executor<SessionTables>, parties: PartiesKey) =>
  newest(db, parties).selectAll(),
);

interface RequestLookup extends PartiesKey {
  readonly slots: readonly string[];
  readonly sessionIds: readonly string[];
}

/**
 * Sessions by slot, the newest session of two parties and sessions by id in one result set: its 40 columns are described once.
 * The newest is selected by its id, since a derived table with a text column is built on disk.
 */
export const selectSessionsForRequest = precompiledQuery((db: Executor<SessionTables>, wanted: RequestLookup) => {
  const { tenant, slots, sessionIds } = wanted;
  const found = ofTenant(db, tenant)
    .where('open_slot', 'in', slots)
    .unionAll(ofTenant(db, tenant).where('session_id', '=', newest(db, wanted).select('session_id')));
  return sessionIds.length > 0 ? found.unionAll(ofTenant(db, tenant).where('session_id', 'in', sessionIds)) : found;
});

export const selectOpenParties = precompiledQuery(
  (db: Executor<SessionTables>, { tenant, shopKey }: { tenant: string; shopKey: string }) =>
    db
      .selectFrom('sessions')
      .select(['account_key', 'account_id'])
      .where('tenant', '=', tenant)
      .where('shop_key', '=', shopKey)
      .where('wake_at', 'is not', null),
);

/** The sessions that a request with this hash opened or escalated: only ids and times, since most requests come once. */
export const selectSessionIdsByHash = precompiledQuery(
  (db: Executor<SessionTables>, { tenant, hashes }: { tenant: string; hashes: readonly string[] }) => {
    const served = (column: 'create_hash' | 'taken_hash') =>
      db
        .selectFrom('sessions')
        .select(['session_id', 'created_at', `${column} as hash`])
        .where('tenant', '=', tenant)
        .where(column, 'in', hashes);
    return served('create_hash').unionAll(served('taken_hash'));
  },
  { batchKey: { parameter: 'hashes', keyColumn: 'hash' } },
);

export const insertSession = precompiledQuery(
  (db: Executor<SessionTables>, { row, names }: { row: object; names: SessionAliases }) =>
    db.insertInto('sessions').values({ ...row, ...keysIfCurrent(names) } as never),
);

interface SessionUpdate {
  readonly tenant: string;
  readonly sessionId: string;
  readonly version: number;
  readonly row: object;
}

const replace = (db: Executor<SessionTables>, { tenant, sessionId, version, row }: SessionUpdate) =>
  db
    .updateTable('sessions')
    .set(row as never)
    .where('tenant', '=', tenant)
    .where('session_id', '=', sessionId)
    .where('version', '=', version);

/** Writes the row if the session still has `version`; a touch does not change it. */
export const updateSessionByVersion = precompiledQuery(replace);

/** Writes the row if the session was neither changed nor touched since it was read. */
export const updateSessionIfUntouched = precompiledQuery(
  (db: Executor<SessionTables>, to: SessionUpdate & { readonly lastActivity: string }) =>
    replace(db, to).where('last_activity', '=', to.lastActivity),
);
