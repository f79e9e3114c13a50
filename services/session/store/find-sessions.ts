import { type Selectable, type SelectQueryBuilder, type SqlBool, sql } from 'kysely';
import { Control } from '../../../gen/autosession/control/v1/control_pb.js';
import type { SessionSort } from '../../../gen/autosession/session/v1/session_pb.js';
import type { Database } from '../../lib/db/database.ts';
import { parseSqlTimeOrUndefined, sqlTime } from '../../lib/db/sql-time.ts';
import { sessionControlName, sessionStateName } from '../domain/enum-names.ts';
import type { SessionRecord } from '../domain/session.ts';
import {
  type IndexRead,
  idBounds,
  indexReads,
  type ListPart,
  partsOf,
  type SessionCursor,
  type SessionFilter,
  type SessionIndex,
} from '../domain/session-list.ts';
import { sessionOf } from './session-row.ts';
import type { SessionRow } from './tables.ts';

/** Up to this many sessions of a list are counted. */
export const MAX_COUNTED_SESSIONS = 1_000;

type ListedRow = Selectable<SessionRow>;
type ListQuery<O> = SelectQueryBuilder<{ listed: ListedRow }, 'listed', O>;

interface PageQuery {
  readonly filter: SessionFilter;
  readonly sort: SessionSort;
  readonly limit: number;
  readonly after?: SessionCursor;
}

/** A page of a tenant's sessions. `next` is the cursor for the next page, undefined on the last. */
export async function findSessionPage(
  db: Database,
  tenant: string,
  { filter, sort, limit, after }: PageQuery,
): Promise<{ sessions: SessionRecord[]; next?: SessionCursor }> {
  // by id: a session that moves from one part to another between two reads is shown once
  const found = new Map<string, { part: number; row: ListedRow }>();
  for (const [number, part] of partsOf(filter, sort).entries()) {
    const missing = limit + 1 - found.size;
    if (missing === 0 || number < (after?.part ?? 0)) continue;
    const cursor = after?.part === number ? after : undefined;
    for (const row of await readPart(db, tenant, { filter, part, limit: missing, cursor }))
      if (!found.has(row.session_id)) found.set(row.session_id, { part: number, row });
  }
  const page = [...found.values()].slice(0, limit);
  const last = found.size > limit ? page.at(-1) : undefined;
  return { sessions: page.map(({ row }) => sessionOf(row)), next: last && cursorOf(last) };
}

/** How many sessions pass the filters: exact up to MAX_COUNTED_SESSIONS, one more if there are more. */
export async function countSessions(db: Database, tenant: string, filter: SessionFilter): Promise<number> {
  const counts = await Promise.all(
    indexReads(filter).map(async (read) => {
      const counted = passing(db, tenant, filter, read)
        .select('session_id')
        .limit(MAX_COUNTED_SESSIONS + 1);
      const query = db.autocommit<object>().selectFrom(counted.as('counted'));
      const { count } = await query.select((eb) => eb.fn.countAll().as('count')).executeTakeFirstOrThrow();
      return Number(count);
    }),
  );
  return Math.min(
    MAX_COUNTED_SESSIONS + 1,
    counts.reduce((sum, count) => sum + count, 0),
  );
}

interface PartQuery {
  readonly filter: SessionFilter;
  readonly part: ListPart;
  readonly limit: number;
  readonly cursor?: SessionCursor;
}

/** The first sessions of a part behind the cursor. The reads of several states are one statement: none is missed that changes its state. */
async function readPart(
  db: Database,
  tenant: string,
  { filter, part, limit, cursor }: PartQuery,
): Promise<ListedRow[]> {
  const direction = part.order === 'newest' ? 'desc' : 'asc';
  const queries = indexReads(filter, part).map((read, number) => {
    const rows = inPart(passing(db, tenant, filter, read).selectAll(), part, cursor);
    const ordered = part.order === 'longest_waiting' ? rows.orderBy('waiting_since') : rows;
    const query = ordered.orderBy('session_id', direction).limit(limit);
    return {
      query,
      named: db
        .autocommit<object>()
        .selectFrom(query.as(`read_${number}`))
        .selectAll(),
    };
  });
  const [first, ...others] = queries;
  if (!first) return [];
  if (others.length === 0) return first.query.execute();
  const merged = await others.reduce((all, { named }) => all.unionAll(named), first.named).execute();
  const sign = direction === 'asc' ? 1 : -1;
  return merged.sort((a, b) => (a.session_id < b.session_id ? -sign : sign)).slice(0, limit);
}

/** The sessions of one read that pass the filters. The index is named: the databases may choose one that leaves more of them. */
function passing(db: Database, tenant: string, filter: SessionFilter, { index, state }: IndexRead) {
  const name = sql.ref(indexName(db, index));
  const hint = db.dialect === 'mysql' ? sql`FORCE INDEX (${name})` : sql`INDEXED BY ${name}`;
  const { from, before } = idBounds(filter);
  const { status, accountId, shopId, userId, agentId, unassigned, vip, openedFrom, openedBefore, only } = filter;
  let query = db
    .autocommit<object>()
    .selectFrom(sql<ListedRow>`sessions`.as<'listed'>(sql`listed ${hint}`))
    .where('tenant', '=', tenant);
  if (state !== undefined) query = query.where('state', '=', sessionStateName(state));
  else if (filter.state !== undefined) query = query.where('state', '=', sessionStateName(filter.state));
  if (status !== undefined) query = query.where('control', '=', sessionControlName(status));
  if (accountId) query = query.where('account_id', '=', accountId);
  if (shopId) query = query.where('shop_id', '=', shopId);
  if (userId) query = query.where('user_id', '=', userId).where('user_id', '!=', sql.lit(''));
  if (agentId) query = query.where('agent_id', '=', agentId).where('agent_id', 'is not', null);
  if (unassigned) query = query.where('agent_id', 'is', null);
  if (vip !== undefined) query = query.where('vip', '=', vipValue(vip));
  if (from !== undefined) query = query.where('session_id', '>=', from);
  if (before !== undefined) query = query.where('session_id', '<', before);
  if (openedFrom !== undefined) query = query.where('created_at', '>=', sqlTime(openedFrom));
  if (openedBefore !== undefined) query = query.where('created_at', '<', sqlTime(openedBefore));
  if (only) query = query.where('session_id', 'in', only);
  return query;
}

/** Those of a part, behind the cursor. */
function inPart<O>(query: ListQuery<O>, { order, vip, waiting }: ListPart, cursor: SessionCursor | undefined) {
  let rows = query;
  if (vip !== undefined) rows = rows.where('vip', '=', vipValue(vip));
  // a process of the release before does not know the column: it leaves it behind, set or unset
  const control = sessionControlName(Control.PENDING_MANUAL);
  if (waiting === true) rows = rows.where('waiting_since', 'is not', null).where('control', '=', control);
  if (waiting === false)
    rows = rows.where((eb) => eb.or([eb('waiting_since', 'is', null), eb('control', '!=', control)]));
  if (!cursor) return rows;
  const { sessionId, waitingSince } = cursor;
  if (order !== 'longest_waiting') return rows.where('session_id', order === 'oldest' ? '>' : '<', sessionId);
  const since = sqlTime(waitingSince ?? 0);
  // the first condition is implied; SQLite finds the place in the index by it
  return rows.where(
    sql<SqlBool>`waiting_since >= ${since} and (waiting_since > ${since} or session_id > ${sessionId})`,
  );
}
/** In the text of the statement: SQLite uses a partial index only if the statement repeats its condition. */
const vipValue = (vip: boolean) => sql.lit(vip ? 1 : 0);

function indexName({ dialect }: Database, index: SessionIndex): string {
  if (index === 'session_id') return dialect === 'mysql' ? 'PRIMARY' : 'sqlite_autoindex_sessions_1';
  return index === 'waiting_since' ? 'sessions_waiting' : `sessions_by_${index}`;
}

function cursorOf({ part, row }: { part: number; row: ListedRow }): SessionCursor {
  return { part, sessionId: row.session_id, waitingSince: parseSqlTimeOrUndefined(row.waiting_since) };
}
