import { create } from '@bufbuild/protobuf';
import { type Kysely, sql } from 'kysely';
import { beforeAll, describe, expect, test } from 'vitest';
import { Source } from '../../gen/autosession/event/v1/event_pb.js';
import {
  PauseSessionRequestSchema,
  PauseSessionResponseSchema,
  SessionService,
} from '../../gen/autosession/session/v1/session_service_pb.js';
import type { Database } from '../../services/lib/db/database.ts';
import { migrate } from '../../services/lib/db/migrations/migrate.ts';
import { precompiledQuery } from '../../services/lib/db/precompiled-query/precompiled-query.ts';
import { idempotencyMigrations } from '../../services/lib/idempotency/idempotency-table.ts';
import { withReplayDetection } from '../../services/lib/idempotency/with-replay-detection.ts';
import { Outbox } from '../../services/lib/messaging/outbox/outbox.ts';
import { outboxMigrations } from '../../services/lib/messaging/outbox/outbox-tables.ts';
import { systemClock } from '../../services/lib/runtime/clock.ts';
import { createUlidGenerator } from '../../services/lib/runtime/id-generator.ts';
import { runInBackgroundContext, systemContext } from '../../services/lib/runtime/request-context.ts';
import {
  byId,
  byIds,
  byName,
  groupedTable,
  insert,
  insertName,
  type Row,
  setCount,
  type Tables,
  type Tx,
  upsert,
  upsertName,
} from '../support/db/grouped-table.ts';
import type { DatabaseFixture } from './database-conformance.ts';

const claim = precompiledQuery(
  (db: Tx, { id, from, to }: { id: string; from: number; to: number }) =>
    db.updateTable('grouped').set({ count: to }).where('id', '=', id).where('count', '=', from),
  { compareAndSet: true },
);
const addOne = precompiledQuery((db: Tx, { id }: { id: string }) =>
  db
    .updateTable('grouped')
    .set((eb) => ({ count: eb('count', '+', 1) }))
    .where('id', '=', id),
);

/** Participants of a shared transaction are isolated like separate transactions, on either database. */
export function rowLocksConformance(name: string, open: () => Promise<DatabaseFixture>): void {
  describe(`rows in a shared transaction on ${name}`, () => {
    let fixture: DatabaseFixture;
    let db: Database;
    let next = 0;
    const stored = async (row: Row) => (await byId(db.autocommit(), { id: row.id })).rows[0]?.count;
    const rows = async (count: number): Promise<Row[]> => {
      const made = Array.from({ length: count }, () => ({ id: `lock-${next}`, slot: `lock-${next++}`, count: 0 }));
      for (const row of made) await insert(db.autocommit(), { row });
      return made;
    };
    const share = <R>(work: (tx: Tx) => Promise<R>) => db.transaction<Tables, R>('shared', work, { group: 'rows' });
    const shared = () => db.backend.stats.commits.get('group.rows') ?? 0;
    const three = <R>(work: (tx: Tx) => Promise<R>) => Promise.all([share(work), share(work), share(work)]);
    const locked = (tx: Tx, { id }: Row) =>
      tx.selectFrom('grouped').select('count').where('id', '=', id).forUpdate().executeTakeFirstOrThrow();

    beforeAll(async () => {
      fixture = await open();
      db = fixture.db;
      await migrate(
        db,
        [{ owner: 'group', tables: {}, steps: [groupedTable] }, outboxMigrations, idempotencyMigrations],
        0,
      );
      return () => fixture[Symbol.asyncDispose]();
    });

    test('are locked by one participant at a time: no increment is lost', async () => {
      const [counter] = await rows(1);
      await three(async (tx) => {
        const { count } = await locked(tx, counter!);
        await setCount.enqueue(tx, { id: counter!.id, count: count + 1 });
      });
      expect(await stored(counter!)).toBe(3);
    });

    test('that a lock finds by a join are locked as well', async () => {
      const [a] = await rows(1);
      await insertName(db.autocommit(), { row: { name: a!.id, value: 0 } });
      const joined = async (tx: Tx) => {
        const { count } = await tx
          .selectFrom('names as n')
          .innerJoin('grouped as g', (join) => join.onRef('g.id', '=', 'n.name'))
          .select('g.count')
          .where('n.name', '=', a!.id)
          .forUpdate()
          .executeTakeFirstOrThrow();
        await setCount(tx, { id: a!.id, count: count + 1 });
      };
      const soleWriter = async (tx: Tx) => setCount(tx, { id: a!.id, count: (await locked(tx, a!)).count + 1 });
      await Promise.all([share(joined), share(soleWriter), share(joined)]);
      expect(await stored(a!)).toBe(3);
    });

    test('that are written after a read without a lock are written by one participant at a time', async () => {
      const [counter] = await rows(1);
      await three(async (tx) => {
        const [row] = (await byIds(tx, { ids: [counter!.id], least: 0 })).rows;
        await setCount(tx, { id: counter!.id, count: row!.count + 1 });
      });
      expect(await stored(counter!)).toBe(3);
    });

    test('that are upserted are written by one participant at a time', async () => {
      const [counter] = await rows(1);
      await three(async (tx) => {
        const [row] = (await byName(tx, { name: counter!.id })).rows;
        await upsertName.enqueue(tx, { row: { name: counter!.id, value: (row?.value ?? 0) + 1 } });
      });
      expect((await byName(db.autocommit(), { name: counter!.id })).rows[0]?.value).toBe(3);
    });

    test('show a participant its own uncommitted writes', async () => {
      const [counter] = await rows(1);
      const seen = await three(async (tx) => {
        await addOne(tx, { id: counter!.id });
        return (await byId(tx, counter!)).rows[0]?.count;
      });
      expect(seen.sort()).toEqual([1, 2, 3]);
    });

    test('number the events of a session without a gap, whichever participant emits the first', async () => {
      const outbox = new Outbox(systemClock, createUlidGenerator(systemClock));
      const numbers = await Promise.all(
        Array.from({ length: 6 }, () => share((tx) => outbox.takeSequence(tx, 't', Source.HANDOVER, 'ses_1', 2))),
      );
      expect(numbers.sort((a, b) => a - b)).toEqual([1, 3, 5, 7, 9, 11]);
    });

    test('with one unique key are stored once, and the others fail on it', async () => {
      const [other] = await rows(1);
      const twin = () => share((tx) => insert(tx, { row: { ...other!, id: `twin-${next++}`, slot: 'twin' } }));
      const ends = await Promise.allSettled([twin(), share((tx) => setCount(tx, { id: other!.id, count: 1 })), twin()]);
      expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'fulfilled', 'rejected']);
      const [, , failed] = ends.toSorted((a, b) => (a.status < b.status ? -1 : 1));
      expect(db.isDuplicateKey((failed as PromiseRejectedResult).reason)).toBe(true);
      expect(await stored(other!)).toBe(1);
    });

    test('changed by a command are changed once when its repeats share a transaction', async () => {
      const [counter] = await rows(1);
      const command = () =>
        runInBackgroundContext({ ...systemContext('t', 'req_1'), idempotencyKey: `key-${counter!.id}` }, () =>
          withReplayDetection(
            { db, clock: systemClock },
            SessionService.method.pauseSession,
            create(PauseSessionRequestSchema),
            (record) =>
              share(async (tx) => {
                const { count } = await locked(tx, counter!);
                await setCount.enqueue(tx, { id: counter!.id, count: count + 1 });
                const answer = create(PauseSessionResponseSchema, { session: { version: count + 1 } });
                await record(tx, answer);
                return answer;
              }),
          ),
        );
      const answers = await Promise.all([command(), command(), command()]);
      expect(answers.map(({ answer }) => answer.session?.version)).toEqual([1, 1, 1]);
      expect(await stored(counter!)).toBe(1);
    });

    test('may be locked in share mode by several participants, and be written after them', async () => {
      const [row] = await rows(1);
      const before = shared();
      const reading = (tx: Tx) =>
        tx.selectFrom('grouped').select('count').where('id', '=', row!.id).forShare().executeTakeFirstOrThrow();
      await three(reading);
      expect(shared() - before).toBe(1);
      const [seen] = await Promise.all([share(reading), share((tx) => setCount(tx, { id: row!.id, count: 1 }))]);
      expect(seen.count).toBe(0);
      expect(shared() - before).toBe(2); // the write runs in a transaction of its own after it
    });

    test('that participants compare and set go to one of them, in one transaction', async () => {
      const [row] = await rows(1);
      const before = shared();
      const taken = await three(async (tx) => (await claim(tx, { id: row!.id, from: 0, to: 1 })).numAffectedRows);
      expect(taken.sort()).toEqual([0n, 0n, 1n]);
      expect(shared() - before).toBe(1);
    });

    test('that a participant has locked are not changed by compare-and-set', async () => {
      const [row] = await rows(1);
      const locking = share(async (tx) => {
        const { count } = await locked(tx, row!);
        await byId(tx, row!);
        await setCount(tx, { id: row!.id, count: count + 2 });
      });
      const taking = share(async (tx) => (await claim(tx, { id: row!.id, from: 0, to: 1 })).numAffectedRows);
      await locking;
      expect([await taking, await stored(row!)]).toEqual([0n, 2]);
    });

    test('are lost for the participant: it is restarted even if it continues without them', async () => {
      const [counter] = await rows(1);
      await three(async (tx) => {
        const { count } = await locked(tx, counter!).catch(() => ({ count: 100 }));
        await setCount(tx, { id: counter!.id, count: count + 1 }).catch(() => {});
      });
      expect(await stored(counter!)).toBe(3);
    });

    test('that participants request in different orders block none of them', async () => {
      const [a, b, c] = await rows(3);
      const move = (first: Row, second: Row) => async (tx: Tx) => {
        const counts = [await locked(tx, first), await locked(tx, second)];
        await setCount.enqueue(tx, { id: first.id, count: counts[0]!.count + 1 });
        await setCount.enqueue(tx, { id: second.id, count: counts[1]!.count + 1 });
      };
      const orders = [move(a!, b!), move(b!, c!), move(c!, a!), move(b!, a!)];
      await Promise.all(orders.flatMap((work) => [share(work), share(work)]));
      expect([await stored(a!), await stored(b!), await stored(c!)]).toEqual([6, 6, 4]);
    });

    test.each<[string, (tx: Tx) => Promise<unknown>]>([
      [
        'a lock that is written as text',
        (tx: Tx) => sql`SELECT count FROM grouped WHERE id = 'x' FOR UPDATE`.execute(tx),
      ],
      [
        'a lock of whatever is found',
        (tx: Tx) => tx.selectFrom('grouped').select('id').where('count', '=', 9).forUpdate().execute(),
      ],
      [
        'a lock by a condition that an outer join does not enforce',
        (tx: Tx) =>
          tx
            .selectFrom('grouped as g')
            .leftJoin('names as n', (join) => join.onRef('n.name', '=', 'g.id').on('n.name', '=', 'x'))
            .select('g.id')
            .forUpdate()
            .execute(),
      ],
      [
        'a write of whatever is found',
        (tx: Tx) => tx.updateTable('grouped').set({ count: 1 }).where('slot', '=', 'x').execute(),
      ],
      [
        'an upsert that may meet a row in another unique index',
        (tx: Tx) => upsert(tx, { row: { id: 'x', slot: 'taken', count: 1 } }),
      ],
      ['a write by text', (tx: Tx) => sql`DELETE FROM grouped WHERE id = 'x'`.execute(tx)],
    ])('are named by their key: %s is refused, also without concurrent participants', async (_, work) => {
      await expect(share(work)).rejects.toThrow(/name its rows|does not identify|row lock|which rows/);
      const others = share(async () => 'not disturbed');
      await expect(share(work)).rejects.toThrow(/name its rows|does not identify|row lock|which rows/);
      expect(await others).toBe('not disturbed');
    });

    test('are not locked outside of a transaction, where nothing would hold the lock', async () => {
      const query = db.autocommit<Tables>().selectFrom('grouped').select('id').where('id', '=', 'x');
      await expect(query.forUpdate().execute()).rejects.toThrow('outside a transaction');
    });

    test('of a table that was created meanwhile are isolated like others', async () => {
      const [row] = await rows(1);
      await three((tx) => locked(tx, row!));
      await sql`CREATE TABLE later (id VARCHAR(64) NOT NULL PRIMARY KEY, count INT NOT NULL)`.execute(db.autocommit());
      type Later = { later: { id: string; count: number } };
      await db.autocommit<Later>().insertInto('later').values({ id: 'x', count: 0 }).execute();
      const add = (tx: Tx) => {
        const later = tx as unknown as Kysely<Later>;
        return later
          .selectFrom('later')
          .select('count')
          .where('id', '=', 'x')
          .forUpdate()
          .executeTakeFirstOrThrow()
          .then(({ count }) =>
            later
              .updateTable('later')
              .set({ count: count + 1 })
              .where('id', '=', 'x')
              .execute(),
          );
      };
      await three(add);
      await three(add);
      const found = await db.autocommit<Later>().selectFrom('later').select('count').executeTakeFirstOrThrow();
      expect(found.count).toBe(6);
    });
  });
}
