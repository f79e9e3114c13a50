import { foldName } from '../../services/lib/text/fold-text.ts';
import { type Finding, groupBy, type InvariantCheck, invariantCheck, type StoredState } from './invariant-check.ts';

interface Tables {
  directory_alias: {
    tenant: string;
    platform: string;
    side: string;
    kind: string;
    value: string;
    entry_key: string;
  };
  sessions: { tenant: string; session_id: string; shop_key: string };
}

/** Shops that an earlier release created for names that look the same; their merge waits for open sessions. */
async function duplicateShops({ db }: StoredState): Promise<Finding[]> {
  const names = await db
    .autocommit<Tables>()
    .selectFrom('directory_alias')
    .select(['tenant', 'platform', 'value', 'entry_key'])
    .where('side', '=', 'shop')
    .where('kind', '=', 'name')
    .execute();
  const byFoldedName = groupBy(names, ({ tenant, platform, value }) =>
    JSON.stringify([tenant, platform, foldName(value)]),
  );
  return [...byFoldedName.values()].flatMap((same) => {
    const keys = [...new Set(same.map((row) => row.entry_key))];
    return keys.length < 2 ? [] : [{ text: `${foldName(same[0]!.value)}: ${keys.join(', ')}`, behind: true }];
  });
}

/** Sessions of shops that were merged into another one. */
async function sessionsOfMergedShops({ db }: StoredState): Promise<Finding[]> {
  const rows = await db
    .autocommit<Tables>()
    .selectFrom('directory_alias as a')
    .innerJoin('sessions as s', (on) => on.onRef('s.tenant', '=', 'a.tenant').onRef('s.shop_key', '=', 'a.value'))
    .select(['s.session_id', 'a.value', 'a.entry_key'])
    .where('a.kind', '=', 'key')
    .execute();
  return rows.map((row) => ({ text: `${row.session_id} is of ${row.value}, not of ${row.entry_key}`, behind: false }));
}

export const partyChecks: InvariantCheck[] = [
  invariantCheck(
    'shop names that look the same belong to one shop, and a merged shop has no session',
    async (stored) => [...(await sessionsOfMergedShops(stored)), ...(await duplicateShops(stored))],
  ),
];
