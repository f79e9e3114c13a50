import { setTimeout as delay } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '../../services/lib/db/database.ts';
import { migrate } from '../../services/lib/db/migrations/migrate.ts';
import type { Migration } from '../../services/lib/db/migrations/migrations.ts';
import { precompiledQuery } from '../../services/lib/db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../services/lib/db/sql-backend.ts';
import { parseSqlTime, sqlTime } from '../../services/lib/db/sql-time.ts';
import { afterCommit, assertNoTransaction } from '../../services/lib/db/transaction-context.ts';
import { runInBackgroundContext, systemContext } from '../../services/lib/runtime/request-context.ts';

/** The backend under test of the database suite. */
export interface DatabaseFixture extends AsyncDisposable {
  readonly db: Database;
  /** A second connection to the same data, like another process's; the same one if only one process is possible. */
  readonly other: Database;
}

interface Tables {
  thing: { id: string; name: string; count: number; at: string; bytes: Uint8Array; open: number; slot?: string | null };
}

const AT = Date.UTC(2026, 0, 31, 23, 59, 59, 7);
const thing = (id: string, overrides: Partial<Tables['thing']> = {}): Tables['thing'] => ({
  ...{ id, name: id, count: 0, at: sqlTime(AT), bytes: Buffer.from([0, 255, 39]), open: 0 },
  ...overrides,
});

const things: Migration = {
  name: '001_thing',
  statements: (c) => [
    `CREATE TABLE thing (id ${c.id} NOT NULL PRIMARY KEY, name ${c.key(191)} NOT NULL, count ${c.bigint} NOT NULL,
      at ${c.time} NOT NULL, bytes ${c.blob} NOT NULL, open ${c.bool} NOT NULL,
      slot ${c.generated(c.key(191), "CASE WHEN open IN (1, 2) AND name <> '' THEN name ELSE NULL END")}) ${c.tableOptions}`,
    'CREATE UNIQUE INDEX thing_slot ON thing (slot)',
  ],
};

/** The guarantees of every database. */
export function databaseConformance(name: string, open: () => Promise<DatabaseFixture>): void {
  describe(`database on ${name}`, () => {
    let fixture: DatabaseFixture;
    let db: Database;
    const insert = (row: Tables['thing'], via: Kysely<Tables> = db.autocommit<Tables>()) =>
      via.insertInto('thing').values(row).execute();
    const find = (id: string) =>
      db.autocommit<Tables>().selectFrom('thing').selectAll().where('id', '=', id).executeTakeFirst();
    const add = (tx: Executor<Tables>, id: string) =>
      tx
        .updateTable('thing')
        .set((eb) => ({ count: eb('count', '+', 1) }))
        .where('id', '=', id)
        .execute();

    beforeAll(async () => {
      fixture = await open();
      db = fixture.db;
      await migrate(db, [{ owner: 'test', tables: {}, steps: [things] }], AT);
      return () => fixture[Symbol.asyncDispose]();
    });

    test('stores texts, times, bytes and numbers unchanged', async () => {
      const row = thing('round-trip', { name: "会话 '😀𠮷\\", count: 2 ** 53 - 1 });
      await insert(row);
      const found = (await find(row.id))!;
      expect({ ...found, bytes: Buffer.from(found.bytes) }).toEqual({ ...row, slot: null });
      expect(parseSqlTime(found.at)).toBe(AT);
    });

    test('finds nothing by an impossible id, without an error', async () => {
      expect(await find('会话😀')).toBeUndefined();
      expect(await find('x'.repeat(5_000))).toBeUndefined();
    });

    test('compares by code point', async () => {
      await insert(thing('Case'));
      await insert(thing('case'));
      expect(await find('CASE')).toBeUndefined();
      expect((await find('Case'))?.name).toBe('Case');
    });

    test('orders times as texts', async () => {
      await insert(thing('t2', { at: sqlTime(AT + 1), count: 77 }));
      await insert(thing('t1', { at: sqlTime(AT), count: 77 }));
      const query = db.autocommit<Tables>().selectFrom('thing').select('id').where('count', '=', 77).orderBy('at');
      expect((await query.execute()).map((row) => row.id)).toEqual(['t1', 't2']);
      const later = await query.where('at', '>', sqlTime(AT)).execute();
      expect(later.map((row) => row.id)).toEqual(['t2']);
    });

    describe('transactions', () => {
      test('commit all their changes', async () => {
        const result = await db.transaction<Tables, string>('test', async (tx) => {
          await insert(thing('kept-1'), tx);
          await insert(thing('kept-2'), tx);
          return 'result';
        });
        expect(result).toBe('result');
        expect([await find('kept-1'), await find('kept-2')]).toMatchObject([{ id: 'kept-1' }, { id: 'kept-2' }]);
      });

      test('or none, and throw the error of the callback', async () => {
        const stop = new Error('stop');
        const work = db.transaction<Tables, void>('test', async (tx) => {
          await insert(thing('gone'), tx);
          throw stop;
        });
        await expect(work).rejects.toBe(stop);
        expect(await find('gone')).toBeUndefined();
      });

      test('or none, when no request waits for them any more', async () => {
        const caller = new AbortController();
        const context = { ...systemContext('default', 'req_1'), signal: caller.signal };
        const gone = new Error('gone');
        const work = runInBackgroundContext(context, () =>
          db.transaction<Tables, void>('test', async (tx) => {
            await insert(thing('unheard'), tx);
            caller.abort(gone);
          }),
        );
        await expect(work).rejects.toBe(gone);
        expect(await find('unheard')).toBeUndefined();
      });

      test('forbid to wait for anything else', async () => {
        const inside = (work: () => unknown) => db.transaction('test', async () => void (await work()));
        await expect(inside(() => db.autocommit())).rejects.toThrow('inside a database transaction');
        await expect(inside(() => db.transaction('inner', async () => {}))).rejects.toThrow('inside a database');
        await expect(inside(() => db.tryLock('x'))).rejects.toThrow('inside a database transaction');
        await expect(inside(() => assertNoTransaction('an RPC'))).rejects.toThrow(
          'an RPC inside a database transaction',
        );
      });

      test('run after-commit callbacks after the commit, and never after a rollback', async () => {
        const ran: string[] = [];
        await db.transaction<Tables, void>('test', async (tx) => {
          afterCommit(() => ran.push(`after, ${assertFree()}`));
          await insert(thing('hooked'), tx);
          ran.push('inside');
        });
        const failed = db.transaction('test', async () => {
          afterCommit(() => ran.push('never'));
          throw new Error('stop');
        });
        await expect(failed).rejects.toThrow('stop');
        expect(ran).toEqual(['inside', 'after, free']);
        expect(() => afterCommit(() => {})).toThrow('outside a transaction');
      });

      test('on the same row wait for each other: no increment is lost', async () => {
        await insert(thing('counter'));
        const increment = (at: Database) =>
          at.transaction<Tables, void>('test', async (tx) => {
            const row = tx.selectFrom('thing').select('count').where('id', '=', 'counter');
            const { count } = await row.forUpdate().executeTakeFirstOrThrow();
            await tx
              .updateTable('thing')
              .set({ count: count + 1 })
              .where('id', '=', 'counter')
              .execute();
          });
        await Promise.all(Array.from({ length: 30 }, (_, n) => increment(n % 2 ? db : fixture.other)));
        expect((await find('counter'))?.count).toBe(30);
      });

      test('in a deadlock are retried as a whole', async () => {
        await insert(thing('left'));
        await insert(thing('right'));
        const met = Promise.withResolvers<void>();
        let here = 0;
        const both = (at: Database, first: string, second: string) =>
          at.transaction<Tables, void>('test', async (tx) => {
            await add(tx, first);
            if (++here === 2) met.resolve();
            // with a single writer the second one never gets this far
            await Promise.race([met.promise, delay(300)]);
            await add(tx, second);
          });
        await Promise.all([both(db, 'left', 'right'), both(fixture.other, 'right', 'left')]);
        expect([(await find('left'))?.count, (await find('right'))?.count]).toEqual([2, 2]);
      });
    });

    describe('a prepared statement', () => {
      type Thing = Tables['thing'];
      const insertAll = precompiledQuery((db: Executor<Tables>, { rows }: { rows: readonly Thing[] }) =>
        db.insertInto('thing').values(rows),
      );
      const selectNamed = precompiledQuery(
        (db: Executor<Tables>, { names, least }: { names: readonly string[]; least: number }) =>
          db
            .selectFrom('thing')
            .select(['id', 'count'])
            .where('name', 'in', names)
            .where('count', '>=', least)
            .where('open', '=', 0)
            .orderBy('id'),
      );
      const update = precompiledQuery(
        (db: Executor<Tables>, { id, changes }: { id: string; changes: Partial<Thing> }) =>
          db.updateTable('thing').set(changes).where('id', '=', id),
      );
      const idsOf = async (names: string[], least = 0) =>
        (await selectNamed(db.autocommit(), { names, least })).rows.map((row) => row.id);

      test('takes other values every time, in any number', async () => {
        await insertAll(db.autocommit(), { rows: [thing('p1', { count: 1 }), thing('p2', { count: 2 })] });
        await insertAll(db.autocommit(), { rows: [thing('p3', { count: 3 })] });
        expect(await idsOf(['p1', 'p2'])).toEqual(['p1', 'p2']);
        expect(await idsOf(['p3', 'p2'])).toEqual(['p2', 'p3']);
        expect(await idsOf(['p1', 'p2', 'p3'], 2)).toEqual(['p2', 'p3']);
        const many = Array.from({ length: 40 }, (_, n) => thing(`many-${n}`, { name: `many ${n}` }));
        await insertAll(db.autocommit(), { rows: many });
        expect(await idsOf(many.map(({ name }) => name))).toHaveLength(40);
      });

      test('changes the given columns, and returns the number of matched rows', async () => {
        const { id } = thing('p-change');
        await insertAll(db.autocommit(), { rows: [thing(id)] });
        expect((await update(db.autocommit(), { id, changes: { count: 5 } })).numAffectedRows).toBe(1n);
        expect(
          (await update(db.autocommit(), { id, changes: { name: "it's ? :x \\", count: 6 } })).numAffectedRows,
        ).toBe(1n);
        expect((await update(db.autocommit(), { id: 'nobody', changes: { count: 5 } })).numAffectedRows).toBe(0n);
        expect(await find(id)).toMatchObject({ name: "it's ? :x \\", count: 6 });
      });

      test('that is not awaited is executed before the next one, and with the commit', async () => {
        const seen = await db.transaction('test', async (tx) => {
          await insertAll.enqueue(tx, { rows: [thing('later-1')] });
          await update.enqueue(tx, { id: 'later-1', changes: { count: 7 } });
          const { rows } = await selectNamed(tx, { names: ['later-1'], least: 0 });
          await insertAll.enqueue(tx, { rows: [thing('later-2')] });
          return rows;
        });
        expect(seen).toEqual([{ id: 'later-1', count: 7 }]);
        expect(await find('later-2')).toBeDefined();
      });

      test('that is not awaited can fail the commit, and then nothing is stored', async () => {
        await insertAll(db.autocommit(), { rows: [thing('taken')] });
        const work = db.transaction('test', async (tx) => {
          await insertAll.enqueue(tx, { rows: [thing('beside-it')] });
          await insertAll.enqueue(tx, { rows: [thing('taken')] });
        });
        expect(db.isDuplicateKey(await work.catch((error) => error))).toBe(true);
        expect(await find('beside-it')).toBeUndefined();
        expect(await find('taken')).toBeDefined();
      });

      test('that is not awaited is rolled back with its transaction', async () => {
        const stop = new Error('stop');
        const work = db.transaction('test', async (tx) => {
          await insertAll.enqueue(tx, { rows: [thing('never-sent')] });
          throw stop;
        });
        await expect(work).rejects.toBe(stop);
        expect(await find('never-sent')).toBeUndefined();
        expect(await db.transaction('test', async () => 'empty')).toBe('empty');
      });

      test('cannot be executed after the end of its transaction', async () => {
        let kept: Executor<Tables> | undefined;
        await db.transaction('test', async (tx: Executor<Tables>) => {
          kept = tx;
        });
        await expect(selectNamed(kept!, { names: ['x'], least: 0 })).rejects.toThrow('given back');
      });
    });

    describe('concurrent statements', () => {
      const named = (via: Kysely<Tables>, id: string) =>
        via.selectFrom('thing').select('id').where('id', '=', id).execute();

      test('are answered separately, in order', async () => {
        await insert(thing('once-1'));
        await insert(thing('once-2'));
        const counts = await db.transaction('test', (tx: Executor<Tables>) =>
          Promise.all([add(tx, 'once-1'), tx.selectFrom('thing').select('count').where('id', '=', 'once-1').execute()]),
        );
        expect(counts[1]).toEqual([{ count: 1 }]);
      });

      test('fail together, and earlier changes of the transaction are rolled back', async () => {
        const work = db.transaction('test', async (tx: Executor<Tables>) => {
          await insert(thing('before-it'), tx);
          await Promise.all([insert(thing('once-1'), tx), named(tx, 'once-2')]);
        });
        expect(db.isDuplicateKey(await work.catch((error) => error))).toBe(true);
        expect(await find('before-it')).toBeUndefined();
      });
    });

    test('counts statements, and commits by label', async () => {
      const { stats } = db.backend;
      const before = { statements: stats.statements, single: stats.commits.get('single') ?? 0 };
      await db.transaction('counted', (tx: Executor<Tables>) => insert(thing('counted'), tx));
      await find('counted');
      await db.autocommit<Tables>().updateTable('thing').set({ count: 1 }).where('id', '=', 'counted').execute();
      expect(stats.statements - before.statements).toBe(3);
      expect(stats.commits.get('counted')).toBe(1);
      expect((stats.commits.get('single') ?? 0) - before.single).toBe(1);
    });

    describe('a unique index', () => {
      test('over a generated column ignores closed rows', async () => {
        await insert(thing('open-1', { name: 'slot', open: 1 }));
        await insert(thing('closed-1', { name: 'slot' }));
        await insert(thing('closed-2', { name: 'slot' }));
        const error = await insert(thing('open-2', { name: 'slot', open: 2 })).catch((error) => error);
        expect(db.isDuplicateKey(error)).toBe(true);
        await db.autocommit<Tables>().updateTable('thing').set({ open: 0 }).where('id', '=', 'open-1').execute();
        await insert(thing('open-2', { name: 'slot', open: 2 }));
      });

      test('is distinguished from other errors', async () => {
        const missing = await sql`SELECT * FROM not_there`.execute(db.autocommit()).catch((error) => error);
        expect(missing).toBeInstanceOf(Error);
        expect(db.isDuplicateKey(missing)).toBe(false);
      });

      test('lets one of thirty win', async () => {
        const open = async (n: number, at: Database) => {
          try {
            await at.transaction<Tables, void>(
              'test',
              (tx) => insert(thing(`race-${n}`, { name: 'race', open: 1 }), tx) as never,
            );
            return 'won';
          } catch (error) {
            return at.isDuplicateKey(error) ? 'lost' : String(error);
          }
        };
        const ends = await Promise.all(Array.from({ length: 30 }, (_, n) => open(n, n % 2 ? db : fixture.other)));
        expect(ends.sort()).toEqual([...Array(29).fill('lost'), 'won']);
      });
    });
  });
}

function assertFree(): string {
  assertNoTransaction('a hook');
  return 'free';
}
