import { foldName } from '../../services/lib/text/fold.ts';
import { type Check, checkOf, type Finding, groupBy, type Stored } from './check.ts';

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
async function lookAlikes({ db }: Stored): Promise<Finding[]> {
  const names = await db
    .of<Tables>()
    .selectFrom('directory_alias')
    .select(['tenant', 'platform', 'value', 'entry_key'])
    .where('side', '=', 'shop')
    .where('kind', '=', 'name')
    .execute();
  const alike = groupBy(names, ({ tenant, platform, value }) => JSON.stringify([tenant, platform, foldName(value)]));
  return [...alike.values()].flatMap((same) => {
    const keys = [...new Set(same.map((row) => row.entry_key))];
    return keys.length < 2 ? [] : [{ text: `${foldName(same[0]!.value)}: ${keys.join(', ')}`, behind: true }];
  });
}

/** Sessions of shops that were merged into another one. */
async function leftBehind({ db }: Stored): Promise<Finding[]> {
  const rows = await db
    .of<Tables>()
    .selectFrom('directory_alias as a')
    .innerJoin('sessions as s', (on) => on.onRef('s.tenant', '=', 'a.tenant').onRef('s.shop_key', '=', 'a.value'))
    .select(['s.session_id', 'a.value', 'a.entry_key'])
    .where('a.kind', '=', 'key')
    .execute();
  return rows.map((row) => ({ text: `${row.session_id} is of ${row.value}, not of ${row.entry_key}`, behind: false }));
}

export const directoryChecks: Check[] = [
  checkOf(
    'names of shops that look the same mean one shop, and a shop that was merged into another has no session',
    async (stored) => [...(await leftBehind(stored)), ...(await lookAlikes(stored))],
  ),
];
