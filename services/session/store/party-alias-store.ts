import type { ExpressionBuilder } from 'kysely';
import type { Database } from '../../lib/db/database.ts';
import { precompiledQuery } from '../../lib/db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { sqlTime } from '../../lib/db/sql-time.ts';
import type { PartyAlias } from '../domain/party-alias.ts';
import type { DirectoryAliasRow, SessionTables } from './tables.ts';

/** Aliases to look up. */
export interface AliasQuery {
  readonly shopNames: readonly string[];
  readonly shopIds: readonly string[];
  readonly accountIds: readonly string[];
  readonly nicks: readonly string[];
}

/** An alias with the bot prefix of its account. */
export type AliasWithBotPrefix = PartyAlias & { readonly botPrefix: string };

const nothing: AliasQuery = { shopNames: [], shopIds: [], accountIds: [], nicks: [] };

/** Statements on the directory of accounts and shops. */
export class PartyAliasStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The stored ones of these aliases, by one statement. */
  async find(tenant: string, platform: string, wanted: Partial<AliasQuery>): Promise<PartyAlias[]> {
    const values = { tenant, platform, ...nothing, ...wanted };
    if (Object.values(wanted).every((some) => some.length === 0)) return [];
    return (await selectAliases(this.#db.autocommit(), values)).rows.map(aliasOf);
  }

  /** All aliases of the accounts and shops that have one of these, oldest first, by one statement. */
  async findPartyAliases(tenant: string, platform: string, wanted: Partial<AliasQuery>): Promise<AliasWithBotPrefix[]> {
    const { rows } = await selectPartyAliases(this.#db.autocommit(), { tenant, platform, ...nothing, ...wanted });
    const once = new Map(rows.map((row) => [JSON.stringify([row.side, row.kind, row.value]), row]));
    return oldestFirst([...once.values()]);
  }

  /** All aliases of these accounts and shops, oldest first. */
  async findByPartyKeys(tenant: string, keys: readonly string[]): Promise<AliasWithBotPrefix[]> {
    return oldestFirst((await selectByPartyKeys(this.#db.autocommit(), { tenant, keys })).rows);
  }

  /** The key of the shop that has this one as a former key; undefined when there is none. */
  async findMergedInto(tenant: string, platform: string, shopKey: string): Promise<string | undefined> {
    const row = await this.#db
      .autocommit<SessionTables>()
      .selectFrom('directory_alias')
      .select('entry_key')
      .where((eb) => eb.and({ tenant, platform, side: 'shop', kind: 'key', value: shopKey }))
      .executeTakeFirst();
    return row?.entry_key;
  }

  /** The keys of the shops that were merged into this one. */
  async formerKeys(tenant: string, shopKey: string): Promise<string[]> {
    const rows = await this.#db
      .autocommit<SessionTables>()
      .selectFrom('directory_alias')
      .select('value')
      .where((eb) => eb.and({ tenant, entry_key: shopKey, side: 'shop', kind: 'key' }))
      .execute();
    return rows.map(({ value }) => value);
  }

  /**
   * Adds an alias unless it exists, and returns the key of its owner. One row per transaction: of concurrent requests with the
   * same alias all but one fail on it, and none holds a lock that another waits for.
   */
  async add(tenant: string, platform: string, alias: PartyAlias, now: number): Promise<string> {
    if (await this.#tryAdd(tenant, platform, alias, now)) return alias.key;
    const values = [alias.value];
    const wanted = alias.side === 'account' ? { nicks: values } : { shopNames: values, shopIds: values };
    const found = await this.find(tenant, platform, wanted);
    const winner = found.find(
      ({ side, kind, value }) => side === alias.side && kind === alias.kind && value === alias.value,
    );
    if (!winner) throw new Error('an alias was a duplicate and cannot be found');
    return winner.key;
  }

  /** False when the alias exists. */
  async #tryAdd(tenant: string, platform: string, alias: PartyAlias, now: number): Promise<boolean> {
    try {
      await this.#db.transaction('directory-alias', (tx) => addAliases(tx, tenant, platform, [alias], now), {
        group: 'directory',
      });
      return true;
    } catch (error) {
      if (!this.#db.isDuplicateKey(error)) throw error;
      return false;
    }
  }

  /** Moves an alias to another account or shop. */
  async reassign(tenant: string, platform: string, alias: PartyAlias, key: string): Promise<void> {
    await this.#db.transaction<SessionTables, unknown>('directory-repoint', (tx) =>
      tx
        .updateTable('directory_alias')
        .set({ entry_key: key })
        .where('tenant', '=', tenant)
        .where('platform', '=', platform)
        .where('side', '=', alias.side)
        .where('kind', '=', alias.kind)
        .where('value', '=', alias.value)
        .execute(),
    );
  }
}

type TenantAliasQuery = AliasQuery & { readonly tenant: string; readonly platform: string };

const selectAliases = precompiledQuery((db: Executor<SessionTables>, wanted: TenantAliasQuery) =>
  db
    .selectFrom('directory_alias as w')
    .select(['w.side', 'w.kind', 'w.value', 'w.entry_key'])
    .where((eb) => matchesAny(eb, wanted)),
);

/** A party that has two of the aliases is selected twice. */
const selectPartyAliases = precompiledQuery((db: Executor<SessionTables>, wanted: TenantAliasQuery) =>
  entryAliases(db)
    .innerJoin('directory_alias as w', (join) =>
      join.onRef('w.tenant', '=', 'a.tenant').onRef('w.entry_key', '=', 'a.entry_key'),
    )
    .where((eb) => matchesAny(eb, wanted)),
);

const selectByPartyKeys = precompiledQuery(
  (db: Executor<SessionTables>, { tenant, keys }: { tenant: string; keys: readonly string[] }) =>
    entryAliases(db).where('a.tenant', '=', tenant).where('a.entry_key', 'in', keys),
);

function matchesAny(eb: ExpressionBuilder<{ w: DirectoryAliasRow }, 'w'>, wanted: TenantAliasQuery) {
  const choices: [side: string, kinds: string[], values: readonly string[]][] = [
    ['shop', ['name'], wanted.shopNames],
    ['shop', ['id'], wanted.shopIds],
    ['account', ['id'], wanted.accountIds],
    ['account', ['id', 'nick'], wanted.nicks],
  ];
  const requested = choices.filter(([, , values]) => values.length > 0);
  // the whole primary key in each branch: SQLite would otherwise scan all names of the platform
  const some = requested.map(([side, kinds, values]) =>
    eb.and([
      ...[eb('w.tenant', '=', wanted.tenant), eb('w.platform', '=', wanted.platform), eb('w.side', '=', side)],
      ...[eb('w.kind', 'in', kinds), eb('w.value', 'in', values)],
    ]),
  );
  return eb.or(some);
}

function entryAliases(db: Executor<SessionTables>) {
  return db
    .selectFrom('directory_alias as a')
    .leftJoin('directory_entry as e', (join) =>
      join.onRef('e.tenant', '=', 'a.tenant').onRef('e.entry_key', '=', 'a.entry_key'),
    )
    .select(['a.side', 'a.kind', 'a.value', 'a.entry_key', 'a.created_at', 'e.bot_prefix']);
}

/**
 * Adds aliases to the transaction. It fails with the database's duplicate-key error, at the commit at the latest, when one of
 * them exists. To add several, use this order: a shop's name, its folded name, its id, the account's id and its folded nick, so
 * that two transactions that add the same ones do not deadlock.
 */
export async function addAliases(
  tx: Executor<SessionTables>,
  tenant: string,
  platform: string,
  aliases: readonly PartyAlias[],
  now: number,
): Promise<void> {
  if (aliases.length === 0) return;
  const rows = aliases.map(({ side, kind, value, key: entry_key }, index) => ({
    ...{ tenant, platform, side, kind, value, entry_key, created_at: sqlTime(now + index) },
  }));
  await insertRows.enqueue(tx, { rows });
}

const insertRows = precompiledQuery((db: Executor<SessionTables>, { rows }: { rows: readonly DirectoryAliasRow[] }) =>
  db.insertInto('directory_alias').values(rows),
);

type EntryAliasRow = Pick<DirectoryAliasRow, 'side' | 'kind' | 'value' | 'entry_key' | 'created_at'> & {
  readonly bot_prefix: string | null;
};

/** Sorted here: the server would build a table for it. */
function oldestFirst(rows: readonly EntryAliasRow[]): AliasWithBotPrefix[] {
  const age = ({ created_at, value }: EntryAliasRow) => `${created_at} ${value}`;
  return rows
    .toSorted((a, b) => (age(a) < age(b) ? -1 : 1))
    .map((row) => ({ ...aliasOf(row), botPrefix: row.bot_prefix ?? '' }));
}

function aliasOf(row: { side: string; kind: string; value: string; entry_key: string }): PartyAlias {
  return {
    side: row.side as PartyAlias['side'],
    kind: row.kind as PartyAlias['kind'],
    value: row.value,
    key: row.entry_key,
  };
}
