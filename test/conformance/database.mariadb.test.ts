import { sql } from 'kysely';
import { beforeAll, describe, expect, test } from 'vitest';
import { Database } from '../../services/lib/db/database.ts';
import { mysqlBackend } from '../../services/lib/db/mysql/mysql-backend.ts';
import { probeDatabase } from '../../services/lib/db/probe/probe-database.ts';
import type { Executor } from '../../services/lib/db/sql-backend.ts';
import { ErrorReason, errorInfo } from '../../services/lib/errors/app-error.ts';
import { armFailpoint } from '../../services/lib/runtime/failpoints.ts';
import { eventually } from '../support/eventually.ts';
import { startLockHolder } from '../support/servers/lock-holder.ts';
import { type MariadbServer, SMALL_MARIADB_OPTIONS, startMariadb } from '../support/servers/servers.ts';
import { createDatabase, sharedServersAvailable } from '../support/servers/shared-servers.ts';
import { type DatabaseFixture, databaseConformance } from './database-conformance.ts';
import { groupCommitConformance } from './group-commit-conformance.ts';
import { migrationsConformance } from './migrations-conformance.ts';
import { readBatchingConformance } from './read-batching-conformance.ts';
import { rowLocksConformance } from './row-locks-conformance.ts';

const reasonOf = (error: unknown) => errorInfo(error)?.reason ?? error;
const openTestDatabase = (url: string, poolSize?: number) => {
  const db = new Database(mysqlBackend(url, poolSize));
  return Object.assign(db, { [Symbol.asyncDispose]: () => db.close() });
};
const rowsOf = async <Row>(db: Database, text: string) => (await sql.raw<Row>(text).execute(db.autocommit())).rows;

async function openTwice(): Promise<DatabaseFixture> {
  const url = await createDatabase();
  const [db, other] = [openTestDatabase(url), openTestDatabase(url)];
  return {
    db,
    other,
    [Symbol.asyncDispose]: async () => {
      await db.close();
      await other.close();
    },
  };
}

describe.runIf(sharedServersAvailable)('with a server', () => {
  databaseConformance('MariaDB', openTwice);
  migrationsConformance('MariaDB', openTwice);
  groupCommitConformance('MariaDB', openTwice);
  rowLocksConformance('MariaDB', openTwice);
  readBatchingConformance('MariaDB', openTwice);

  describe('a connection to MariaDB', () => {
    test('answers every pending lock request when it is closed', async () => {
      const db = new Database(mysqlBackend(await createDatabase()));
      const asks = ['a', 'b', 'c'].map((name) => db.tryLock(name).catch(reasonOf));
      await db.close();
      expect(await Promise.all(asks)).toEqual(Array(3).fill(ErrorReason.SERVICE_UNAVAILABLE));
    });

    test('has all its settings from its first statement on', async () => {
      await using db = openTestDatabase(await createDatabase(), 5);
      const ask = () =>
        rowsOf(db, 'SELECT @@session.tx_isolation AS i, @@session.time_zone AS z, CONNECTION_ID() AS id, SLEEP(0.02)');
      const rows = (await Promise.all(Array.from({ length: 20 }, ask))).flat() as {
        i: string;
        z: string;
        id: number;
      }[];
      expect(new Set(rows.map((row) => row.id)).size).toBe(5);
      expect(rows.every((row) => row.i === 'READ-COMMITTED' && row.z === '+00:00')).toBe(true);
    });

    test('executes nothing more in a transaction after a failed statement: the server may have ended it', async () => {
      await using db = openTestDatabase(await createDatabase());
      await sql`CREATE TABLE words (word VARCHAR(20) PRIMARY KEY)`.execute(db.autocommit());
      const say = (tx: Executor, word: string) => tx.insertInto('words').values({ word }).execute();
      const work = db.transaction('words', async (tx) => {
        await say(tx, 'first');
        await say(tx, 'first').catch(() => {});
        await say(tx, 'behind');
      });
      expect(db.isDuplicateKey(await work.catch((error) => error))).toBe(true);
      expect(await rowsOf(db, 'SELECT * FROM words')).toEqual([]);
    });

    test('a lock is free again when its process was killed', async () => {
      const url = await createDatabase();
      await using db = openTestDatabase(url);
      await using holder = await startLockHolder(url);
      expect(await db.tryLock('leader')).toBeUndefined();
      await holder.kill();
      await eventually(async () => {
        await using lock = await db.tryLock('leader');
        expect(lock).toBeDefined();
      });
    });

    test('locks of two databases on one server are independent', async () => {
      await using here = openTestDatabase(await createDatabase());
      await using there = openTestDatabase(await createDatabase());
      await using _lock = await here.tryLock('leader');
      await using other = await there.tryLock('leader');
      expect(await other?.isHeld()).toBe(true);
    });
  });

  describe('the probe on MariaDB refuses', () => {
    const refusal = async (statement: string) => {
      await using db = openTestDatabase(await createDatabase());
      await rowsOf(db, statement);
      return await probeDatabase(db).catch((error: Error) => error.message);
    };
    test('a table that has no transactions', async () => {
      expect(await refusal('CREATE TABLE t (id INT) ENGINE=MyISAM')).toMatch(/table t is MyISAM, not InnoDB/);
    });
    test('a column that cannot hold every name', async () => {
      const statement = 'CREATE TABLE t (name VARCHAR(9) CHARACTER SET latin1)';
      expect(await refusal(statement)).toMatch(/column t\.name is latin1/);
    });
    test('a column that merges names', async () => {
      const statement = 'CREATE TABLE t (name VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci)';
      expect(await refusal(statement)).toMatch(/column t\.name is utf8mb4_general_ci/);
    });
  });

  describe('the probe on a MariaDB that may lose acknowledged commits', () => {
    let server: MariadbServer;
    beforeAll(async () => {
      server = await startMariadb();
      return () => server[Symbol.asyncDispose]();
    });
    const refusal = async (...settings: string[]) => {
      await using db = openTestDatabase(await server.createDatabase());
      for (const setting of settings) await rowsOf(db, `SET GLOBAL ${setting}`);
      return await probeDatabase(db).catch((error: Error) => error.message);
    };

    test.each(['0', '2'])('refuses innodb_flush_log_at_trx_commit = %s, and says what to set', async (value) => {
      const message = await refusal(`innodb_flush_log_at_trx_commit = ${value}`);
      expect(message).toMatch(new RegExp(`innodb_flush_log_at_trx_commit is ${value}: .*set it to 1`));
    });

    test('accepts 1, and does not check sync_binlog without a binary log', async () => {
      expect(await refusal('innodb_flush_log_at_trx_commit = 1', 'sync_binlog = 0')).toBeUndefined();
    });

    test('refuses a binary log that is not synced, and accepts one that is', async () => {
      await using logging = await startMariadb({ ...SMALL_MARIADB_OPTIONS, binlog: true });
      await using db = openTestDatabase(await logging.createDatabase());
      const probed = async (value: number) => {
        await rowsOf(db, `SET GLOBAL sync_binlog = ${value}`);
        return await probeDatabase(db).catch((error: Error) => error.message);
      };
      expect(await probed(0)).toMatch(/sync_binlog is 0: .*set it to 1/);
      expect(await probed(1)).toBeUndefined();
    });
  });

  describe('when MariaDB goes away', () => {
    let server: MariadbServer;
    beforeAll(async () => {
      server = await startMariadb();
      return () => server[Symbol.asyncDispose]();
    });
    const prepared = async () => {
      const db = openTestDatabase(await server.createDatabase(), 5);
      await rowsOf(db, 'CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB');
      return db;
    };
    const insert = (db: Database, id: number) =>
      db.transaction<{ t: { id: number } }, void>(
        'insert',
        async (tx) => void (await tx.insertInto('t').values({ id }).execute()),
      );

    test('statements fail with SERVICE_UNAVAILABLE, and recover when it is back', async () => {
      await using db = await prepared();
      await Promise.all(Array.from({ length: 10 }, (_, id) => insert(db, id)));
      await server.stop();
      expect(reasonOf(await insert(db, 20).catch((error) => error))).toBe(ErrorReason.SERVICE_UNAVAILABLE);
      expect(reasonOf(await rowsOf(db, 'SELECT 1').catch((error) => error))).toBe(ErrorReason.SERVICE_UNAVAILABLE);
      expect(reasonOf(await db.tryLock('x').catch((error) => error))).toBe(ErrorReason.SERVICE_UNAVAILABLE);
      await server.start();
      await eventually(() => insert(db, 20));
      expect(await rowsOf(db, 'SELECT id FROM t')).toHaveLength(11);
    });

    test('connections that a restart broke cause no other errors', async () => {
      await using db = await prepared();
      const ends: unknown[] = [];
      let going = true;
      const worker = async (from: number) => {
        for (let id = from; going; id++)
          await insert(db, id).then(
            () => ends.push('done'),
            (error) => ends.push(reasonOf(error)),
          );
      };
      const workers = [worker(1_000_000), worker(2_000_000), worker(3_000_000), worker(4_000_000)];
      await eventually(() => expect(ends.length).toBeGreaterThan(20));
      await server.kill();
      await server.start();
      const before = ends.length;
      await eventually(() => expect(ends.slice(before)).toContain('done'));
      going = false;
      await Promise.all(workers);
      expect(new Set(ends)).toEqual(new Set(['done', ErrorReason.SERVICE_UNAVAILABLE]));
      const [row] = await rowsOf<{ n: number }>(db, 'SELECT COUNT(*) AS n FROM t');
      expect(Number(row?.n)).toBeGreaterThanOrEqual(ends.filter((end) => end === 'done').length);
    });

    test('a commit without an answer is not retried', async () => {
      await using db = await prepared();
      let runs = 0;
      using _failure = armFailpoint('db.before-commit:insert', async () => {
        runs += 1;
        await server.kill();
      });
      expect(reasonOf(await insert(db, 1).catch((error) => error))).toBe(ErrorReason.SERVICE_UNAVAILABLE);
      expect(runs).toBe(1);
      await server.start();
    });

    test('a lock is lost, says so, and can be taken again', async () => {
      await using db = await prepared();
      const lock = (await db.tryLock('leader'))!;
      await server.kill();
      expect(await lock.isHeld()).toBe(false);
      await server.start();
      expect(await lock.isHeld()).toBe(false);
      await lock[Symbol.asyncDispose]();
      await using again = await db.tryLock('leader');
      expect(await again?.isHeld()).toBe(true);
    });
  });
});
