import type { Executor } from '../../lib/db/sql-backend.ts';
import { sqlTime } from '../../lib/db/sql-time.ts';
import { foldName } from '../../lib/text/fold-text.ts';
import { bumpVersion } from './party-store.ts';
import type { SessionTables } from './tables.ts';

type Tx = Executor<SessionTables>;

/** Two shops whose names look the same. */
export interface LookAlikeShops {
  readonly tenant: string;
  readonly platform: string;
  /** The name of the shop that is merged into the other one. */
  readonly name: string;
  /** Its key. */
  readonly from: string;
  /** The key of the shop that has the folded form of the name. */
  readonly into: string;
}

/**
 * Merges a shop into another one, as docs/directory.md says: its aliases and sessions move to the other, and its key becomes a
 * former key of that. Does nothing and returns false when the two no longer look alike. Fails on a unique index when both have
 * an open session with one account. Sessions are moved last: a transaction that opens one locks its name until the commit.
 */
export async function mergeShops(tx: Tx, shops: LookAlikeShops, now: number): Promise<boolean> {
  const { tenant, platform, from, into } = shops;
  if (!(await stillLookAlike(tx, shops))) return false;
  for (const key of [from, into]) await bumpVersion(tx, tenant, key, now);
  await tx
    .updateTable('directory_alias')
    .set({ entry_key: into })
    .where('tenant', '=', tenant)
    .where('entry_key', '=', from)
    .execute();
  const former = {
    tenant,
    platform,
    side: 'shop',
    kind: 'key',
    value: from,
    entry_key: into,
    created_at: sqlTime(now),
  };
  await tx.insertInto('directory_alias').values(former).execute();
  await tx
    .updateTable('sessions')
    .set({ shop_key: into })
    .where('tenant', '=', tenant)
    .where('shop_key', '=', from)
    .execute();
  return true;
}

/** Locks the name and its folded form, in the key order that transactions that add both use, and reads them again. */
async function stillLookAlike(tx: Tx, { tenant, platform, name, from, into }: LookAlikeShops): Promise<boolean> {
  const rows = await tx
    .selectFrom('directory_alias')
    .select(['value', 'entry_key'])
    .where((eb) => eb.and({ tenant, platform, side: 'shop', kind: 'name' }))
    .where('value', 'in', [name, foldName(name)])
    .forUpdate()
    .execute();
  const owner = (value: string) => rows.find((row) => row.value === value)?.entry_key;
  return owner(name) === from && owner(foldName(name)) === into;
}
