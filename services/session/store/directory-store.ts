import type { Database } from '../../lib/db/database.ts';
import { sqlTime } from '../../lib/db/time.ts';
import type { Alias } from '../domain/parties.ts';
import type { SessionTables } from './schema.ts';

/** Values of one side to look up. */
export interface WantedAliases {
  readonly side: Alias['side'];
  readonly kinds: readonly Alias['kind'][];
  readonly values: readonly string[];
}

/** Statements on the directory of accounts and shops. */
export class DirectoryStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The known ones of some aliases, in one statement. */
  async find(tenant: string, platform: string, wanted: readonly WantedAliases[]): Promise<Alias[]> {
    const some = wanted.filter(({ values }) => values.length > 0);
    if (some.length === 0) return [];
    const rows = await this.#aliases(tenant)
      .where('platform', '=', platform)
      .where((eb) =>
        eb.or(
          some.map(({ side, kinds, values }) =>
            eb.and([eb('side', '=', side), eb('kind', 'in', [...kinds]), eb('value', 'in', [...values])]),
          ),
        ),
      )
      .execute();
    return rows.map(aliasOf);
  }

  /** All aliases of some accounts and shops. */
  async ofEntries(tenant: string, keys: readonly string[]): Promise<Alias[]> {
    if (keys.length === 0) return [];
    const rows = await this.#aliases(tenant)
      .where('entry_key', 'in', [...keys])
      .execute();
    return rows.map(aliasOf);
  }

  /**
   * Adds an alias unless somebody has it, and returns its key: the given one, or that of whoever was first. One row a
   * transaction: of many callers with the same alias all but one fail on it, and none holds a lock that another waits for.
   */
  async add(tenant: string, platform: string, alias: Alias, now: number): Promise<string> {
    const row = { tenant, platform, side: alias.side, kind: alias.kind, value: alias.value, entry_key: alias.key };
    try {
      await this.#db.transaction<SessionTables, unknown>('directory-alias', (tx) =>
        tx
          .insertInto('directory_alias')
          .values({ ...row, created_at: sqlTime(now) })
          .execute(),
      );
      return alias.key;
    } catch (error) {
      if (!this.#db.isDuplicateKey(error)) throw error;
      const wanted = { side: alias.side, kinds: [alias.kind], values: [alias.value] };
      const [winner] = await this.find(tenant, platform, [wanted]);
      if (!winner) throw error;
      return winner.key;
    }
  }

  /** Lets an alias name another entry. */
  async repoint(tenant: string, platform: string, alias: Alias, key: string): Promise<void> {
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

  #aliases(tenant: string) {
    return this.#db
      .of<SessionTables>()
      .selectFrom('directory_alias')
      .select(['side', 'kind', 'value', 'entry_key'])
      .where('tenant', '=', tenant);
  }
}

function aliasOf(row: { side: string; kind: string; value: string; entry_key: string }): Alias {
  return {
    side: row.side as Alias['side'],
    kind: row.kind as Alias['kind'],
    value: row.value,
    key: row.entry_key,
  };
}
