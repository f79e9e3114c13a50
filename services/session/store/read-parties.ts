import { type Expression, type SqlBool, sql } from 'kysely';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { parseSqlTime } from '../../lib/db/sql-time.ts';
import { withFoldedNames } from '../domain/look-alikes.ts';
import type { PartyAlias } from '../domain/party-alias.ts';
import type { Party } from '../domain/party-update.ts';
import type { SessionTables } from './tables.ts';

/** Filters and page of a list. */
export interface EntryQuery {
  readonly side: PartyAlias['side'];
  readonly platform?: string;
  /** A text that the name or an alias contains. */
  readonly name?: string;
  /** The last key of the previous page. */
  readonly after?: string;
  readonly limit: number;
}

/** The account or shop with this key, if it exists. */
export async function readParty(
  db: Executor<SessionTables>,
  tenant: string,
  side: PartyAlias['side'],
  key: string,
): Promise<Party | undefined> {
  return (await readParties(db, tenant, side, [key]))[0];
}

/** The accounts or shops after `after`, in the order of their creation. */
export async function listParties(
  db: Executor<SessionTables>,
  tenant: string,
  { side, platform, name, after, limit }: EntryQuery,
): Promise<Party[]> {
  const rows = await joined(db, tenant, side)
    .select('a.entry_key')
    .distinct()
    .$if(platform !== undefined, (query) => query.where('a.platform', '=', platform!))
    .$if(after !== undefined, (query) => query.where('a.entry_key', '>', after!))
    .$if(name !== undefined, (query) =>
      query.where((eb) =>
        eb.or(
          withFoldedNames([name!]).flatMap((part) => [
            contains(eb.ref('a.value'), part),
            contains(eb.ref('e.name'), part),
          ]),
        ),
      ),
    )
    .orderBy('a.entry_key')
    .limit(limit)
    .execute();
  return readParties(
    db,
    tenant,
    side,
    rows.map((row) => row.entry_key),
  );
}

async function readParties(
  db: Executor<SessionTables>,
  tenant: string,
  side: PartyAlias['side'],
  keys: readonly string[],
): Promise<Party[]> {
  if (keys.length === 0) return [];
  const rows = await joined(db, tenant, side)
    .select(['a.platform', 'a.kind', 'a.value', 'a.entry_key', 'a.created_at', 'e.name', 'e.bot_prefix', 'e.version'])
    .where('a.entry_key', 'in', [...keys])
    .orderBy('a.entry_key')
    .orderBy('a.created_at')
    .orderBy('a.kind')
    .orderBy('a.value')
    .execute();
  return [...Map.groupBy(rows, (row) => row.entry_key)].map(([key, [first, ...others]]) => ({
    key,
    side,
    platform: first!.platform,
    name: first!.name ?? '',
    botPrefix: first!.bot_prefix ?? '',
    version: first!.version ?? 0,
    aliases: [first!, ...others].map(({ kind, value, created_at }) => ({
      kind: kind as PartyAlias['kind'],
      value,
      createdAt: parseSqlTime(created_at),
    })),
  }));
}

/** The aliases that clients see, with the name and the bot prefix of their party. */
function joined(db: Executor<SessionTables>, tenant: string, side: PartyAlias['side']) {
  return db
    .selectFrom('directory_alias as a')
    .leftJoin('directory_entry as e', (join) =>
      join.onRef('e.tenant', '=', 'a.tenant').onRef('e.entry_key', '=', 'a.entry_key'),
    )
    .where('a.tenant', '=', tenant)
    .where('a.side', '=', side)
    .where('a.kind', '!=', 'key');
}

/** Not LIKE: it ignores case on SQLite, and a name may contain its wildcards. */
function contains(text: Expression<string | null>, part: string): Expression<SqlBool> {
  return sql<SqlBool>`instr(${text}, ${part}) > 0`;
}
