import type { Executor } from '../../lib/db/sql-backend.ts';
import type { PartyAlias } from '../domain/party-alias.ts';
import type { SessionTables } from './tables.ts';

/** An alias with its platform, side and key. */
export type PlatformAlias = PartyAlias & { readonly platform: string };

/** The tenants that have accounts or shops. */
export async function findPartyTenants(db: Executor<SessionTables>): Promise<string[]> {
  const rows = await db.selectFrom('directory_alias').select('tenant').distinct().orderBy('tenant').execute();
  return rows.map(({ tenant }) => tenant);
}

/** All aliases of the next accounts and shops with keys above `after`, ordered by key; empty at the end. */
export async function scanAliases(
  db: Executor<SessionTables>,
  tenant: string,
  after: string,
  entries: number,
): Promise<PlatformAlias[]> {
  const keys = await db
    .selectFrom('directory_alias')
    .select('entry_key')
    .distinct()
    .where('tenant', '=', tenant)
    .where('entry_key', '>', after)
    .orderBy('entry_key')
    .limit(entries)
    .execute();
  const last = keys.at(-1);
  if (!last) return [];
  const rows = await db
    .selectFrom('directory_alias')
    .select(['platform', 'side', 'kind', 'value', 'entry_key'])
    .where('tenant', '=', tenant)
    .where('entry_key', '>', after)
    .where('entry_key', '<=', last.entry_key)
    .orderBy('entry_key')
    .execute();
  return rows.map(({ platform, side, kind, value, entry_key: key }) => ({
    ...{ platform, side: side as PartyAlias['side'], kind: kind as PartyAlias['kind'], value, key },
  }));
}
