import { beforeAll, describe, expect, test } from 'vitest';
import { Database } from '../../services/lib/db/database.ts';
import { barrierMigrations } from '../../services/lib/db/durability/durability-barrier.ts';
import { migrate } from '../../services/lib/db/migrations/migrate.ts';
import { mysqlBackend } from '../../services/lib/db/mysql/mysql-backend.ts';
import { ErrorReason, errorInfo } from '../../services/lib/errors/app-error.ts';
import { busMigrations } from '../../services/lib/messaging/bus/consumer/consumer.ts';
import { ConsumerStore } from '../../services/lib/messaging/bus/consumer/consumer-store.ts';
import { outboxMigrations } from '../../services/lib/messaging/outbox/outbox-tables.ts';
import { systemClock } from '../../services/lib/runtime/clock.ts';
import {
  currentUnconfirmedReads,
  runInBackgroundContext,
  runInRequestContext,
  systemContext,
} from '../../services/lib/runtime/request-context.ts';
import { byId, groupedTable, insert, setCount, type Tables, type Tx, upsert } from '../support/db/grouped-table.ts';
import { eventually } from '../support/eventually.ts';
import { type MariadbServer, startMariadb } from '../support/servers/servers.ts';
import { createDatabase, sharedServersAvailable } from '../support/servers/shared-servers.ts';

describe.runIf(sharedServersAvailable)('the confirmed reads of a flow on MariaDB', () => {
  let db: Database;
  let next = 0;

  beforeAll(async () => {
    db = new Database(mysqlBackend(await createDatabase()));
    await migrate(db, [barrierMigrations, { owner: 'group', tables: {}, steps: [groupedTable] }], 0);
    return () => db.close();
  });

  const fresh = () => {
    const id = `row-${next++}`;
    return { id, slot: id, count: 0 };
  };
  const stored = async () => {
    const row = fresh();
    await insert(db.autocommit(), { row });
    return row;
  };
  const barriers = () => db.backend.stats.commits.get('durability-barrier') ?? 0;
  const request = <T>(work: () => Promise<T>) => runInRequestContext(systemContext('t', 'r'), work);
  const read = (id: string) => byId(db.autocommit(), { id });
  const write = (work: (tx: Tx) => Promise<unknown>, group?: string) =>
    db.transaction<Tables, unknown>('write', work, { group });
  /** Whether a request that reads, and then does `work`, still has unconfirmed reads. */
  const pendingAfter = (work: () => Promise<unknown>) =>
    request(async () => {
      await read('none');
      expect(currentUnconfirmedReads()?.hasPending).toBe(true);
      await work();
      return currentUnconfirmedReads()?.hasPending;
    });

  test('a flow that has read nothing waits for nothing', async () => {
    const before = barriers();
    await request(() => db.confirmReads());
    expect(barriers()).toBe(before);
  });

  test('what was read is confirmed by one small commit, once', async () => {
    const before = barriers();
    await request(async () => {
      await read('none');
      await db.confirmReads();
      await db.confirmReads();
      expect(currentUnconfirmedReads()?.hasPending).toBe(false);
    });
    expect(barriers()).toBe(before + 1);
  });

  test('an answer that promises nothing waits for nothing', async () => {
    const before = barriers();
    await request(async () => {
      await read('none');
      currentUnconfirmedReads()?.dismiss();
      await db.confirmReads();
    });
    expect(barriers()).toBe(before);
  });

  test('background work starts with what was read outside of it', async () => {
    const before = barriers();
    await runInBackgroundContext(systemContext('t', 'r'), () => db.confirmReads());
    await db.confirmReads();
    expect(barriers()).toBe(before + 2);
  });

  test('requests that wait at the same time share commits', async () => {
    const before = barriers();
    const one = () =>
      request(async () => {
        await read('none');
        await db.confirmReads();
      });
    await Promise.all(Array.from({ length: 50 }, one));
    expect(barriers() - before).toBeLessThan(10);
  });

  test('a commit of the flow that changed a row confirms what was read before it', async () => {
    const row = await stored();
    expect(await pendingAfter(() => write((tx) => insert(tx, { row: fresh() })))).toBe(false);
    expect(await pendingAfter(() => write((tx) => insert.enqueue(tx, { row: fresh() })))).toBe(false);
    expect(await pendingAfter(() => write((tx) => setCount(tx, { id: row.id, count: 1 })))).toBe(false);
    expect(await pendingAfter(() => write((tx) => setCount.enqueue(tx, { id: row.id, count: 2 })))).toBe(false);
    expect(await pendingAfter(() => setCount(db.autocommit(), { id: row.id, count: 3 }))).toBe(false);
    expect(await pendingAfter(() => write((tx) => tx.deleteFrom('grouped').where('id', '=', row.id).execute()))).toBe(
      false,
    );
  });

  test('a commit that changed nothing confirms nothing', async () => {
    const row = await stored();
    expect(await pendingAfter(() => write(async () => {}))).toBe(true);
    expect(await pendingAfter(() => write((tx) => byId(tx, { id: row.id })))).toBe(true);
    expect(await pendingAfter(() => write((tx) => setCount(tx, { id: row.id, count: 0 })))).toBe(true);
    expect(await pendingAfter(() => write((tx) => setCount(tx, { id: 'none', count: 1 })))).toBe(true);
    expect(await pendingAfter(() => write((tx) => upsert(tx, { row })))).toBe(true);
    expect(await pendingAfter(() => setCount(db.autocommit(), { id: row.id, count: 0 }))).toBe(true);
  });

  test('a row that is replaced by the same row confirms nothing', async () => {
    const row = await stored();
    const replace = (tx: Tx) => tx.replaceInto('grouped').values(row).execute();
    expect(await pendingAfter(() => replace(db.autocommit()))).toBe(true);
    expect(await pendingAfter(() => write(replace))).toBe(true);
  });

  test('a statement that a unique index refuses has read the row that is there', async () => {
    const row = await stored();
    const pending = await request(async () => {
      const refused = await insert(db.autocommit(), { row }).catch((error) => error);
      expect(db.isDuplicateKey(refused)).toBe(true);
      return currentUnconfirmedReads()?.hasPending;
    });
    expect(pending).toBe(true);
  });

  test('a transaction that was rolled back confirms nothing', async () => {
    const work = () =>
      write(async (tx) => {
        await insert(tx, { row: fresh() });
        throw new Error('given up');
      }).catch(() => {});
    expect(await pendingAfter(work)).toBe(true);
  });

  test('what is read beside a commit is not confirmed by it', async () => {
    const pending = await request(async () => {
      const slow = db.transaction<Tables, void>('slow', async (tx) => {
        await insert(tx, { row: fresh() });
      });
      const beside = slow.then(() => read('none'));
      await Promise.all([slow, beside]);
      return currentUnconfirmedReads()?.hasPending;
    });
    expect(pending).toBe(true);
  });

  test('the commit of a shared transaction confirms the reads of all its members', async () => {
    const works = Array.from({ length: 6 }, () =>
      pendingAfter(() => write((tx) => insert(tx, { row: fresh() }), 'test')),
    );
    expect(await Promise.all(works)).toEqual(Array(6).fill(false));
    expect(db.backend.stats.commits.get('group.test')).toBeGreaterThan(0);
  });

  describe('when the server was restarted after a read', () => {
    let server: MariadbServer;
    beforeAll(async () => {
      server = await startMariadb();
      return () => server[Symbol.asyncDispose]();
    });
    const opened = async () => {
      const own = new Database(mysqlBackend(await server.createDatabase()));
      await migrate(
        own,
        [barrierMigrations, outboxMigrations, busMigrations, { owner: 'group', tables: {}, steps: [groupedTable] }],
        0,
      );
      return Object.assign(own, { [Symbol.asyncDispose]: () => own.close() });
    };
    /** Server starts are distinguished by their second. */
    const restart = async () => {
      const second = () => Math.floor(Date.now() / 1_000);
      const last = second();
      await eventually(() => expect(second()).toBeGreaterThan(last));
      await server.kill();
      await server.start();
    };
    const reasonOf = (error: unknown) => errorInfo(error)?.reason ?? error;
    const answers = (own: Database) => eventually(() => byId(own.autocommit(), { id: 'none' }));

    test('no small commit confirms it', async () => {
      await using own = await opened();
      const confirmed = request(async () => {
        await byId(own.autocommit(), { id: 'none' });
        await restart();
        await answers(own);
        await own.confirmReads();
      });
      expect(await confirmed.catch(reasonOf)).toBe(ErrorReason.SERVICE_UNAVAILABLE);
      await request(async () => {
        await byId(own.autocommit(), { id: 'none' });
        await own.confirmReads();
      });
    });

    test('no commit of the flow confirms it', async () => {
      await using own = await opened();
      const confirmed = request(async () => {
        await byId(own.autocommit(), { id: 'none' });
        await restart();
        await answers(own);
        await own.transaction<Tables, unknown>('write', (tx) => insert(tx, { row: fresh() }));
        await own.confirmReads();
      });
      expect(await confirmed.catch(reasonOf)).toBe(ErrorReason.SERVICE_UNAVAILABLE);
    });

    test('a consumer marks nothing as handled that it had found done before', async () => {
      await using own = await opened();
      const store = new ConsumerStore(own, systemClock, 'counting');
      const from = { generationId: 'log', position: 0n };
      await store.resetTo(from);
      const save = (begunAt: number) => store.save({ begunAt, from, to: 1n, handled: new Map(), parked: [] });
      const begunAt = performance.now();
      await restart();
      await answers(own);
      expect(await save(begunAt).catch(reasonOf)).toBe(ErrorReason.SERVICE_UNAVAILABLE);
      expect(await store.offset()).toEqual(from);
      expect(await save(performance.now())).toBe(true);
    });
  });
});
