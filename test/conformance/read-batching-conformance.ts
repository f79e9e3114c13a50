import { beforeAll, describe, expect, test } from 'vitest';
import { migrate } from '../../services/lib/db/migrations/migrate.ts';
import { precompiledQuery } from '../../services/lib/db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../services/lib/db/sql-backend.ts';
import { byId, groupedTable, insert, setCount, type Tables } from '../support/db/grouped-table.ts';
import type { DatabaseFixture } from './database-conformance.ts';

/** The guarantees of batched reads outside of transactions, on every database. */
export function readBatchingConformance(name: string, open: () => Promise<DatabaseFixture>): void {
  describe(`reads that share a request on ${name}`, () => {
    let fixture: DatabaseFixture;
    beforeAll(async () => {
      fixture = await open();
      await migrate(fixture.db, [{ owner: 'group', tables: {}, steps: [groupedTable] }], 0);
      return () => fixture[Symbol.asyncDispose]();
    });
    const broken = precompiledQuery((db: Executor, { id }: { id: string }) =>
      db.selectFrom('not_there').selectAll().where('id', '=', id),
    );

    test('are answered separately, in any number', async () => {
      const { db } = fixture;
      const ids = Array.from({ length: 100 }, (_, n) => `read-${n}`);
      await Promise.all(ids.map((id) => insert(db.autocommit(), { row: { id, slot: id, count: 0 } })));
      const found = await Promise.all(
        ids.map(async (id) => (await byId(db.autocommit(), { id })).rows.map((row) => row.id)),
      );
      expect(found).toEqual(ids.map((id) => [id]));
    });

    test('are not affected by one that fails', async () => {
      const { db } = fixture;
      const failing = broken(db.autocommit(), { id: 'x' });
      const reads = [byId(db.autocommit(), { id: 'read-1' }), byId(db.autocommit(), { id: 'read-2' })];
      await expect(failing).rejects.toThrow(/not_there/);
      expect((await Promise.all(reads)).map(({ rows }) => rows[0]?.id)).toEqual(['read-1', 'read-2']);
    });

    test('see all earlier commits', async () => {
      const { db } = fixture;
      for (let count = 1; count <= 20; count++) {
        const others = Promise.all([byId(db.autocommit(), { id: 'read-3' }), byId(db.autocommit(), { id: 'read-4' })]);
        await db.transaction<Tables, unknown>('count', (tx) => setCount(tx, { id: 'read-5', count }), {
          group: 'test',
        });
        expect((await byId(db.autocommit(), { id: 'read-5' })).rows[0]?.count).toBe(count);
        await others;
      }
    });
  });
}
