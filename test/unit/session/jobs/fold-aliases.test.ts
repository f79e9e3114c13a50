import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mysqlBackend } from '../../../../services/lib/db/mysql/mysql-backend.ts';
import { sqliteBackend } from '../../../../services/lib/db/sqlite/sqlite-backend.ts';
import { armFailpoint } from '../../../../services/lib/runtime/failpoints.ts';
import { AliasFolder } from '../../../../services/session/jobs/fold-aliases.ts';
import type { DirectoryAliasRow, SessionTables } from '../../../../services/session/store/tables.ts';
import { createDatabase, sharedServersAvailable } from '../../../support/servers/shared-servers.ts';
import { type SessionHarness, startSessionHarness } from '../../../support/session/session-harness.ts';

const databases = sharedServersAvailable ? (['SQLite', 'MariaDB'] as const) : (['SQLite'] as const);

const row = (side: string, kind: string, value: string, entry_key: string, tenant = 'default'): DirectoryAliasRow => ({
  ...{ tenant, platform: '淘天', side, kind, value, entry_key, created_at: '2025-01-01 00:00:00.000' },
});

describe.each(databases)('a directory of an earlier release on %s', (database) => {
  let harness: SessionHarness;
  beforeEach(async () => {
    harness = await startSessionHarness(
      database === 'SQLite' ? sqliteBackend(':memory:') : mysqlBackend(await createDatabase()),
    );
  });
  afterEach(() => harness[Symbol.asyncDispose]());

  const directory = () => harness.deps.db.autocommit<SessionTables>();
  const write = (...rows: DirectoryAliasRow[]) => directory().insertInto('directory_alias').values(rows).execute();
  const all = async () =>
    (await directory().selectFrom('directory_alias').selectAll().execute())
      .map(({ tenant, kind, value, entry_key }) => `${tenant} ${kind} ${value} ${entry_key}`)
      .sort();
  const fold = async (folding = new AliasFolder(harness.deps)) => {
    while (!(await folding.foldBatch()));
    return folding;
  };

  /** More parties than one step reads, of two tenants. */
  const many = Array.from({ length: 250 }, (_, i) =>
    row('shop', 'name', `店（${i}）`, `shp_${String(i).padStart(3, '0')}`),
  );
  const folded = many.flatMap(({ value, entry_key }, i) => [
    `default name ${value} ${entry_key}`,
    `default name 店(${i}) ${entry_key}`,
  ]);

  it('receives the folded forms of names, nicks and account ids, each once', async () => {
    await write(
      row('shop', 'name', 'Ａ店', 'shp_1'),
      row('shop', 'id', '（1）', 'shp_1'),
      row('account', 'id', 't-（我）', 'acc_1'),
      row('account', 'nick', '客服①', 'acc_1'),
      row('shop', 'name', 'Ａ店', 'shp_2', 'other'),
    );
    await fold();
    const expected = [
      'default id t-（我） acc_1',
      'default id （1） shp_1',
      'default name A店 shp_1',
      'default name Ａ店 shp_1',
      'default nick t-(我) acc_1',
      'default nick 客服1 acc_1',
      'default nick 客服① acc_1',
      'other name A店 shp_2',
      'other name Ａ店 shp_2',
    ];
    expect(await all()).toEqual(expected.sort());
    await fold();
    expect(await all()).toEqual(expected.sort());
  });

  it('is folded after a stop in any step, by the next process', async () => {
    await write(...many);
    let steps = 0;
    {
      using _stop = armFailpoint('db.before-commit:directory-alias', () => {
        steps += 1;
        if (steps % 60 === 0) throw new Error('stopped here');
      });
      for (let attempt = 0; attempt < 4; attempt++) await expect(fold()).rejects.toThrow('stopped here');
    }
    await fold();
    expect(await all()).toEqual(folded.toSorted());
  });

  it('is folded by two processes at once', async () => {
    await write(...many);
    await Promise.all([fold(), fold()]);
    expect(await all()).toEqual(folded.toSorted());
  });

  it('is folded in the next round where an earlier release keeps writing', async () => {
    await fold();
    await write(row('shop', 'name', 'Ａ店', 'shp_1'));
    await fold();
    expect(await all()).toEqual(['default name A店 shp_1', 'default name Ａ店 shp_1']);
  });

  it.each(['db.before-commit', 'db.after-commit'])(
    'has one shop instead of two after a stop at %s of the merge',
    async (point) => {
      const names = [
        row('shop', 'name', '店(1)', 'shp_1'),
        row('shop', 'name', '店（1）', 'shp_2'),
        row('shop', 'id', '1', 'shp_2'),
      ];
      await write(...names);
      const before = await all();
      const folding = await fold();
      {
        using _stop = armFailpoint(`${point}:directory-merge`, () => {
          throw new Error('stopped here');
        });
        await folding.mergeLookAlikes();
      }
      if (point === 'db.before-commit') expect(await all()).toEqual(before);
      await (await fold()).mergeLookAlikes();
      const merged = [
        'default id 1 shp_1',
        'default key shp_2 shp_1',
        'default name 店(1) shp_1',
        'default name 店（1） shp_1',
      ];
      expect(await all()).toEqual(merged.sort());
      await (await fold()).mergeLookAlikes();
      expect(await all()).toEqual(merged.sort());
    },
  );

  it('does not merge shops whose names were changed meanwhile', async () => {
    await write(
      row('shop', 'name', '店(1)', 'shp_1'),
      row('shop', 'name', '店（1）', 'shp_2'),
      row('shop', 'name', '别店', 'shp_2'),
    );
    const folding = await fold();
    await directory()
      .updateTable('directory_alias')
      .set({ entry_key: 'shp_1' })
      .where('value', '=', '店（1）')
      .execute();
    await folding.mergeLookAlikes();
    expect(await all()).toContain('default name 别店 shp_2');
  });

  it('does not merge accounts whose ids look the same', async () => {
    await write(row('account', 'id', 't-(1)', 'acc_1'), row('account', 'id', 't-（1）', 'acc_2'));
    await (await fold()).mergeLookAlikes();
    const shop = await harness.sessions.resolveParties({ platform: '淘天', shopName: '店', nicks: ['t-(1)'] });
    expect(shop.accountKey).toBe('acc_1');
    expect(await all()).toContain('default id t-（1） acc_2');
  });
});
