import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '../../services/lib/db/database.ts';
import { migrate } from '../../services/lib/db/migrations/migrate.ts';
import { afterCommit, lockKey, runOutsideTransaction } from '../../services/lib/db/transaction-context.ts';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { runInBackgroundContext, systemContext, tryGetContext } from '../../services/lib/runtime/request-context.ts';
import {
  byId,
  byIds,
  byName,
  groupedTable,
  insert,
  insertName,
  insertNamed,
  type Row,
  setCount,
  setSlot,
  type Tables,
  type Tx,
  upsertName,
} from '../support/db/grouped-table.ts';
import type { DatabaseFixture } from './database-conformance.ts';

/** The guarantees of callbacks that share a transaction, on every database. */
export function groupCommitConformance(name: string, open: () => Promise<DatabaseFixture>): void {
  describe(`participants of a shared transaction on ${name}`, () => {
    let fixture: DatabaseFixture;
    let db: Database;
    let next = 0;
    const row = (): Row => {
      const id = `row-${next++}`;
      return { id, slot: id, count: 0 };
    };
    const share = <R>(work: (tx: Tx) => Promise<R>, label = 'shared', at = db) =>
      at.transaction<Tables, R>(label, work, { group: 'test' });
    const stored = async (id: string) => (await byId(db.autocommit(), { id })).rows[0];
    const shared = () => db.backend.stats.commits.get('group.test') ?? 0;
    const outcomes = async (works: Promise<unknown>[]) => (await Promise.allSettled(works)).map(({ status }) => status);

    /** Increments a counter under a lock: without isolation an increment is lost. */
    const increment = (id: string) => async (tx: Tx) => {
      const query = tx.selectFrom('grouped').select('count').where('id', '=', id);
      const { count } = await query.forUpdate().executeTakeFirstOrThrow();
      await setCount.enqueue(tx, { id, count: count + 1 });
      return count;
    };

    beforeAll(async () => {
      fixture = await open();
      db = fixture.db;
      await migrate(db, [{ owner: 'group', tables: {}, steps: [groupedTable] }], 0);
      return () => fixture[Symbol.asyncDispose]();
    });

    test('have one commit, and each its own result', async () => {
      const rows = Array.from({ length: 10 }, row);
      const before = shared();
      const results = await Promise.all(
        rows.map((row) =>
          share(async (tx) => {
            await insert.enqueue(tx, { row });
            return row.id;
          }),
        ),
      );
      expect(results).toEqual(rows.map(({ id }) => id));
      expect(shared() - before).toBe(1);
      for (const { id } of rows) expect(await stored(id)).toBeDefined();
    });

    test('run in the context of their caller, which gets its answer after the commit', async () => {
      const told: string[] = [];
      const asked = ['t1', 't2'].map((tenant) =>
        runInBackgroundContext(systemContext(tenant, tenant), () =>
          share(async (tx) => {
            afterCommit(() => told.push(`${tryGetContext()?.tenant} told`));
            await insert(tx, { row: row() });
            return tryGetContext()?.tenant;
          }),
        ),
      );
      expect(await Promise.all(asked)).toEqual(['t1', 't2']);
      expect(told.sort()).toEqual(['t1 told', 't2 told']);
    });

    test('are not affected by one that fails before it has written', async () => {
      const [a, b] = [row(), row()];
      const refusal = new Error('no');
      const before = shared();
      const refused = share(async (tx) => {
        await byId(tx, { id: 'x' });
        throw refusal;
      });
      const ends = outcomes([share((tx) => insert(tx, { row: a })), refused, share((tx) => insert(tx, { row: b }))]);
      await expect(refused).rejects.toBe(refusal);
      expect(await ends).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(shared() - before).toBe(1);
      expect([await stored(a.id), await stored(b.id)]).toMatchObject([a, b]);
    });

    test('keep nothing of one that fails after it has written', async () => {
      const [kept, gone] = [row(), row()];
      const hooks: string[] = [];
      const ends = await outcomes([
        share(async (tx) => {
          afterCommit(() => hooks.push('kept'));
          await insert.enqueue(tx, { row: kept });
        }),
        share(async (tx) => {
          afterCommit(() => hooks.push('gone'));
          await insert(tx, { row: gone });
          throw new Error('no');
        }),
      ]);
      expect(ends).toEqual(['fulfilled', 'rejected']);
      expect([await stored(kept.id), await stored(gone.id)]).toMatchObject([kept, undefined]);
      expect(hooks).toEqual(['kept']);
    });

    test('keep nothing of one that fails before its write is answered', async () => {
      const [kept, gone] = [row(), row()];
      const refusing = share(async (tx) => {
        void insert(tx, { row: gone }).catch(() => {});
        throw new Error('no');
      });
      const ends = await outcomes([refusing, share((tx) => insert(tx, { row: kept }))]);
      expect(ends).toEqual(['rejected', 'fulfilled']);
      expect([await stored(kept.id), await stored(gone.id)]).toMatchObject([kept, undefined]);
    });

    test('find what they wrote in their own order, though rows for one table go together', async () => {
      const [first, moved, other] = [row(), row(), row()];
      await insert(db.autocommit(), { row: moved });
      const before = shared();
      const adding = share((tx) => insert.enqueue(tx, { row: first }));
      const moving = share(async (tx) => {
        await setSlot.enqueue(tx, { id: moved.id, slot: `${moved.slot} no more` });
        await insert.enqueue(tx, { row: { ...other, slot: moved.slot } });
      });
      await Promise.all([adding, moving]);
      expect((await stored(other.id))?.slot).toBe(moved.slot);
      expect(shared() - before).toBe(1);
    });

    test.each(['asked about', 'written later'])('survive a duplicate key of one of them, %s', async (how) => {
      const [taken, kept, twice] = [row(), row(), row()];
      await insert(db.autocommit(), { row: taken });
      await insert(db.autocommit(), { row: twice });
      const clash = { ...row(), slot: taken.slot };
      const clashing = share(async (tx) => {
        if (how === 'asked about') await insert(tx, { row: clash });
        else await insert.enqueue(tx, { row: clash });
      });
      const others = [share((tx) => insert(tx, { row: kept })), share(increment(twice.id))];
      expect(db.isDuplicateKey(await clashing.catch((error) => error))).toBe(true);
      await Promise.all(others);
      expect([await stored(kept.id), await stored(clash.id)]).toMatchObject([kept, undefined]);
      expect((await stored(twice.id))?.count).toBe(1);
    });

    test('survive a failure of one of them at the commit', async () => {
      const [kept, failed] = [row(), row()];
      using _ = armFailpoint('db.before-commit:broken', () => {
        throw new Error('broken');
      });
      const ends = await outcomes([
        share((tx) => insert(tx, { row: kept })),
        share((tx) => insert(tx, { row: failed }), 'broken'),
      ]);
      expect(ends).toEqual(['fulfilled', 'rejected']);
      expect([await stored(kept.id), await stored(failed.id)]).toMatchObject([kept, undefined]);
    });

    test('keep nothing of one whose caller disconnects while the others are running', async () => {
      const [kept, gone] = [row(), row()];
      const caller = new AbortController();
      const reason = new Error('gone');
      const abandoned = runInBackgroundContext({ ...systemContext('default', 'req_1'), signal: caller.signal }, () =>
        share((tx) => insert(tx, { row: gone })),
      );
      const other = share(async (tx) => {
        await insert(tx, { row: kept });
        await byId(tx, { id: kept.id });
        caller.abort(reason);
      });
      await expect(abandoned).rejects.toBe(reason);
      await other;
      expect([await stored(kept.id), await stored(gone.id)]).toMatchObject([kept, undefined]);
    });

    test('are committed when one of them fails after the commit', async () => {
      const [a, b] = [row(), row()];
      using _ = armFailpoint('db.after-commit:late', () => {
        throw new Error('late');
      });
      const ends = await outcomes([
        share((tx) => insert(tx, { row: a })),
        share((tx) => insert(tx, { row: b }), 'late'),
      ]);
      expect(ends).toEqual(['fulfilled', 'rejected']);
      expect([await stored(a.id), await stored(b.id)]).toMatchObject([a, b]);
    });

    test('that lock the same row run one after another: no increment is lost', async () => {
      const counters = [row(), row()];
      for (const row of counters) await insert(db.autocommit(), { row });
      const works = Array.from({ length: 60 }, (_, n) => share(increment(counters[n % 2]!.id)));
      const results = await Promise.all(works);
      expect(new Set(results).size).toBe(30);
      for (const { id } of counters) expect((await stored(id))?.count).toBe(30);
    });

    test('begin tenant by tenant, so that all processes lock in one order', async () => {
      const begun: string[] = [];
      const works = ['t2', 't1', 't3', 't1'].map((tenant) =>
        runInBackgroundContext(systemContext(tenant, tenant), () => share(async () => begun.push(tenant))),
      );
      await Promise.all(works);
      expect(begun).toEqual(['t1', 't1', 't2', 't3']);
    });

    test('that reserve the same row are served in their order of arrival', async () => {
      const served: string[] = [];
      const come: Promise<unknown>[] = [];
      /** The running transaction sees the next one arrive. */
      const work = (name: number) =>
        share(async (tx) => {
          lockKey('hot');
          if (name < 10) come.push(runOutsideTransaction(() => work(name + 1)));
          await byId(tx, { id: 'x' });
          afterCommit(() => served.push(`${name}`));
        });
      const second = share(async () => {
        lockKey('hot');
        afterCommit(() => served.push('second'));
      });
      come.push(work(0));
      const third = share(async () => {
        lockKey('hot');
        afterCommit(() => served.push('third'));
      });
      await Promise.all([second, third]);
      while (come.length > 0) await come.shift();
      expect(served.slice(0, 3).sort()).toEqual(['0', 'second', 'third']);
    });

    test('that reserve the same row are served in their order of arrival while others arrive', async () => {
      const served: number[] = [];
      const come: Promise<unknown>[] = [];
      let count = 0;
      const work = (): Promise<void> => {
        const name = count++;
        return share(async (tx) => {
          lockKey('hot');
          if (count < 60) for (let more = 0; more < 3; more++) come.push(runOutsideTransaction(work));
          await byId(tx, { id: 'x' });
          afterCommit(() => served.push(name));
        });
      };
      for (let first = 0; first < 8; first++) come.push(work());
      while (come.length > 0) await come.shift();
      expect(served).toEqual(served.toSorted((a, b) => a - b));
    });

    test('of two processes lose no increment, in any locking order', async () => {
      const counters = [row(), row(), row()];
      for (const row of counters) await insert(db.autocommit(), { row });
      const both = [db, fixture.other].map((at, process) =>
        Array.from({ length: 30 }, (_, n) => {
          const { id } = counters[(process === 0 ? n : 29 - n) % 3]!;
          return share(increment(id), 'shared', at);
        }),
      );
      await Promise.all(both.flat());
      for (const { id } of counters) expect((await stored(id))?.count).toBe(20);
    });

    test('wait for a lock without delaying the next transaction', async () => {
      if (fixture.other === db) return; // one writer at a time: there the next one has to wait
      const [held, free] = [row(), row()];
      for (const row of [held, free]) await insert(db.autocommit(), { row });
      const holds = Promise.withResolvers<void>();
      const letGo = Promise.withResolvers<void>();
      const holder = fixture.other.transaction<Tables, void>('holder', async (tx) => {
        await setCount(tx, { id: held.id, count: 5 });
        holds.resolve();
        await letGo.promise;
      });
      await holds.promise;
      const waiting = [share(increment(held.id)), share(async () => 'nothing')];
      await delay(0);
      expect(await share(increment(free.id))).toBe(0);
      letGo.resolve();
      expect(await Promise.all(waiting)).toEqual([5, 'nothing']);
      await holder;
    });

    test('of a locked row do not delay any others, whatever their number', async () => {
      if (fixture.other === db) return;
      const [held, ...free] = Array.from({ length: 6 }, row);
      for (const row of [held!, ...free]) await insert(db.autocommit(), { row });
      const holds = Promise.withResolvers<void>();
      const letGo = Promise.withResolvers<void>();
      const holder = fixture.other.transaction<Tables, void>('holder', async (tx) => {
        await setCount(tx, { id: held!.id, count: 5 });
        holds.resolve();
        await letGo.promise;
      });
      await holds.promise;
      const waiting: Promise<number>[] = [];
      for (const [index, { id }] of free.entries()) {
        waiting.push(share(increment(held!.id)));
        if (index % 2 === 0) waiting.push(share(async () => 0)); // by itself, or with another one
        await delay(0);
        expect(await share(increment(id))).toBe(0);
      }
      letGo.resolve();
      expect((await Promise.all(waiting)).filter((count) => count >= 5)).toHaveLength(free.length);
      await holder;
    });

    test('are read in batches, and get their own rows each', async () => {
      const rows = Array.from({ length: 6 }, (_, count) => ({ ...row(), count }));
      await Promise.all(rows.map((row) => insert(db.autocommit(), { row })));
      const ids = rows.map(({ id }) => id).sort();
      const read = (wanted: string[], least = 0) =>
        share(async (tx) => (await byIds(tx, { ids: wanted, least })).rows.map(({ id }) => id));
      const found = await Promise.all([
        read(ids.slice(0, 3)),
        read(ids.slice(2, 4)),
        read(['nobody']),
        read([ids[5]!, ids[0]!]),
        read(ids, 4),
      ]);
      const atLeast4 = rows.filter(({ count }) => count >= 4).map(({ id }) => id);
      expect(found).toEqual([ids.slice(0, 3), ids.slice(2, 4), [], [ids[0], ids[5]], atLeast4.sort()]);
    });

    test('see their own writes in a batched read', async () => {
      const [mine, other] = [row(), row()];
      await insert(db.autocommit(), { row: other });
      const read = async (tx: Tx, id: string) => (await byIds(tx, { ids: [id], least: 0 })).rows[0]?.count;
      const writing = share(async (tx) => {
        await insert.enqueue(tx, { row: mine });
        await setCount.enqueue(tx, { id: mine.id, count: 7 });
        return await read(tx, mine.id);
      });
      expect(await Promise.all([share((tx) => read(tx, other.id)), writing])).toEqual([0, 7]);
    });

    test('do not write a row before the rows that it depends on', async () => {
      const works = Array.from({ length: 4 }, (_, value) => ({ ...row(), name: `name-${next}`, value }));
      await insertName(db.autocommit(), { row: { name: works[0]!.name, value: 0 } });
      const before = shared();
      await Promise.all(
        works.map(({ id, name, value }) =>
          share(async (tx) => {
            if (value > 0) await insertName.enqueue(tx, { row: { name, value } });
            await insertNamed.enqueue(tx, { id, name });
          }),
        ),
      );
      expect(shared() - before).toBe(1);
      expect(await Promise.all(works.map(async ({ id }) => (await stored(id))?.count))).toEqual([0, 1, 2, 3]);
    });

    test('write existing and new rows in the same way', async () => {
      const names = Array.from({ length: 5 }, () => row().id);
      for (const name of names.slice(0, 3)) await insertName(db.autocommit(), { row: { name, value: 9 } });
      await Promise.all(names.map((name, value) => share((tx) => upsertName.enqueue(tx, { row: { name, value } }))));
      const values = await Promise.all(
        names.map(async (name) => (await byName(db.autocommit(), { name })).rows[0]?.value),
      );
      expect(values).toEqual([0, 1, 2, 3, 4]);
    });

    test('count as one context that forbids waiting', async () => {
      const works = [share(async () => db.autocommit()), share(async () => 'free')];
      expect(await outcomes(works)).toEqual(['rejected', 'fulfilled']);
      await expect(share(() => share(async () => {}))).rejects.toThrow('inside a database transaction');
    });
  });
}
