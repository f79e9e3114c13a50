import { setTimeout as delay } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import { beforeAll, describe, expect, test } from 'vitest';
import { afterCommit, assertNoTransaction, type Database, type Executor } from '../../services/lib/db/database.ts';
import { lockRow } from '../../services/lib/db/lock-row.ts';
import { type Migration, migrate } from '../../services/lib/db/migrate.ts';
import { msOf, sqlTime } from '../../services/lib/db/time.ts';

/** What a database's suite needs of its backend. */
export interface DatabaseFixture extends AsyncDisposable {
  readonly db: Database;
  /** Another way to the same data, as of another process; the same one where there is one process only. */
  readonly other: Database;
}

interface Tables {
  thing: { id: string; name: string; count: number; at: string; bytes: Uint8Array; open: number; slot?: string | null };
}

const AT = Date.UTC(2026, 0, 31, 23, 59, 59, 7);
const thing = (id: string, special: Partial<Tables['thing']> = {}): Tables['thing'] => ({
  ...{ id, name: id, count: 0, at: sqlTime(AT), bytes: Buffer.from([0, 255, 39]), open: 0 },
  ...special,
});

const things: Migration = {
  name: '001_thing',
  statements: (c) => [
    `CREATE TABLE thing (id ${c.id} NOT NULL PRIMARY KEY, name ${c.key(191)} NOT NULL, count ${c.bigint} NOT NULL,
      at ${c.time} NOT NULL, bytes ${c.blob} NOT NULL, open ${c.bool} NOT NULL,
      slot ${c.generated(c.key(191), "CASE WHEN open IN (1, 2) AND name <> '' THEN name ELSE NULL END")}) ${c.table}`,
    'CREATE UNIQUE INDEX thing_slot ON thing (slot)',
  ],
};

/** What every database keeps. */
export function databaseConformance(name: string, open: () => Promise<DatabaseFixture>): void {
  describe(`database on ${name}`, () => {
    let fixture: DatabaseFixture;
    let db: Database;
    const insert = (row: Tables['thing'], via: Kysely<Tables> = db.of<Tables>()) =>
      via.insertInto('thing').values(row).execute();
    const find = (id: string) =>
      db.of<Tables>().selectFrom('thing').selectAll().where('id', '=', id).executeTakeFirst();
    const add = (tx: Executor<Tables>, id: string) =>
      tx
        .updateTable('thing')
        .set((eb) => ({ count: eb('count', '+', 1) }))
        .where('id', '=', id)
        .execute();

    beforeAll(async () => {
      fixture = await open();
      db = fixture.db;
      await migrate(db, [{ owner: 'test', steps: [things] }], AT);
      return () => fixture[Symbol.asyncDispose]();
    });

    test('keeps texts, times, bytes and numbers as they were', async () => {
      const row = thing('round-trip', { name: "会话 '😀𠮷\\", count: 2 ** 53 - 1 });
      await insert(row);
      const found = (await find(row.id))!;
      expect({ ...found, bytes: Buffer.from(found.bytes) }).toEqual({ ...row, slot: null });
      expect(msOf(found.at)).toBe(AT);
    });

    test('finds nothing by an id that cannot be, and that is no error', async () => {
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
      const query = db.of<Tables>().selectFrom('thing').select('id').where('count', '=', 77).orderBy('at');
      expect((await query.execute()).map((row) => row.id)).toEqual(['t1', 't2']);
      const later = await query.where('at', '>', sqlTime(AT)).execute();
      expect(later.map((row) => row.id)).toEqual(['t2']);
    });

    describe('transactions', () => {
      test('keep all that they did', async () => {
        const result = await db.transaction<Tables, string>('test', async (tx) => {
          await insert(thing('kept-1'), tx);
          await insert(thing('kept-2'), tx);
          return 'result';
        });
        expect(result).toBe('result');
        expect([await find('kept-1'), await find('kept-2')]).toMatchObject([{ id: 'kept-1' }, { id: 'kept-2' }]);
      });

      test('or nothing, and throw what the work threw', async () => {
        const stop = new Error('stop');
        const work = db.transaction<Tables, void>('test', async (tx) => {
          await insert(thing('gone'), tx);
          throw stop;
        });
        await expect(work).rejects.toBe(stop);
        expect(await find('gone')).toBeUndefined();
      });

      test('forbid whatever would wait for something else', async () => {
        const inside = (work: () => unknown) => db.transaction('test', async () => void (await work()));
        await expect(inside(() => db.of())).rejects.toThrow('inside a database transaction');
        await expect(inside(() => db.transaction('inner', async () => {}))).rejects.toThrow('inside a database');
        await expect(inside(() => db.tryLock('x'))).rejects.toThrow('inside a database transaction');
        await expect(inside(() => assertNoTransaction('an RPC'))).rejects.toThrow(
          'an RPC inside a database transaction',
        );
      });

      test('run what waits for the commit after it, and never after a rollback', async () => {
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

      test('on the same row wait for each other: no addition is lost', async () => {
        await insert(thing('counter'));
        const increment = (at: Database) =>
          at.transaction<Tables, void>('test', async (tx) => {
            const row = tx.selectFrom('thing').select('count').where('id', '=', 'counter');
            const { count } = await lockRow(row, at.dialect).executeTakeFirstOrThrow();
            await tx
              .updateTable('thing')
              .set({ count: count + 1 })
              .where('id', '=', 'counter')
              .execute();
          });
        await Promise.all(Array.from({ length: 30 }, (_, n) => increment(n % 2 ? db : fixture.other)));
        expect((await find('counter'))?.count).toBe(30);
      });

      test('that wait for each other in a circle are run again as a whole', async () => {
        await insert(thing('left'));
        await insert(thing('right'));
        const met = Promise.withResolvers<void>();
        let here = 0;
        const both = (at: Database, first: string, second: string) =>
          at.transaction<Tables, void>('test', async (tx) => {
            await add(tx, first);
            if (++here === 2) met.resolve();
            // a database with one writer never lets the second one come this far
            await Promise.race([met.promise, delay(300)]);
            await add(tx, second);
          });
        await Promise.all([both(db, 'left', 'right'), both(fixture.other, 'right', 'left')]);
        expect([(await find('left'))?.count, (await find('right'))?.count]).toEqual([2, 2]);
      });
    });

    describe('a unique index', () => {
      test('over a generated column lets closed rows be', async () => {
        await insert(thing('open-1', { name: 'slot', open: 1 }));
        await insert(thing('closed-1', { name: 'slot' }));
        await insert(thing('closed-2', { name: 'slot' }));
        const error = await insert(thing('open-2', { name: 'slot', open: 2 })).catch((error) => error);
        expect(db.isDuplicateKey(error)).toBe(true);
        await db.of<Tables>().updateTable('thing').set({ open: 0 }).where('id', '=', 'open-1').execute();
        await insert(thing('open-2', { name: 'slot', open: 2 }));
      });

      test('is told from other errors', async () => {
        const missing = await sql`SELECT * FROM not_there`.execute(db.of()).catch((error) => error);
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
