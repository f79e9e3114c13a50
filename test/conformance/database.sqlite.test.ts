import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { Database } from '../../services/lib/db/database.ts';
import { migrate } from '../../services/lib/db/migrations/migrate.ts';
import { precompiledQuery } from '../../services/lib/db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../services/lib/db/sql-backend.ts';
import { sqliteBackend } from '../../services/lib/db/sqlite/sqlite-backend.ts';
import { startLockHolder } from '../support/servers/lock-holder.ts';
import { type DatabaseFixture, databaseConformance } from './database-conformance.ts';
import { groupCommitConformance } from './group-commit-conformance.ts';
import { migrationsConformance } from './migrations-conformance.ts';
import { readBatchingConformance } from './read-batching-conformance.ts';
import { rowLocksConformance } from './row-locks-conformance.ts';

async function newFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'autosession-sqlite-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function oneWay(): Promise<DatabaseFixture> {
  const folder = await newFolder();
  const db = new Database(sqliteBackend(folder.path));
  return {
    db,
    other: db,
    [Symbol.asyncDispose]: async () => {
      await db.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

databaseConformance('SQLite', oneWay);
migrationsConformance('SQLite', oneWay);
groupCommitConformance('SQLite', oneWay);
rowLocksConformance('SQLite', oneWay);
readBatchingConformance('SQLite', oneWay);

describe('a transaction that SQLite ends by itself, as it does on a full disk', () => {
  /** Two counters, and a value that ends the transaction that writes it. */
  async function withFullDisk(): Promise<DatabaseFixture> {
    const fixture = await oneWay();
    await sql`CREATE TABLE words (word TEXT PRIMARY KEY)`.execute(fixture.db.autocommit());
    await sql`CREATE TRIGGER full AFTER INSERT ON words WHEN new.word = 'too much'
      BEGIN SELECT RAISE(ROLLBACK, 'full'); END`.execute(fixture.db.autocommit());
    return fixture;
  }
  const say = precompiledQuery((tx: Executor, { row }: { row: { word: string } }) =>
    tx.insertInto('words').values(row),
  );
  const said = async (db: Database) =>
    (await sql<{ word: string }>`SELECT word FROM words ORDER BY word`.execute(db.autocommit())).rows.map(
      ({ word }) => word,
    );

  test('keeps nothing of its participants, which are retried alone', async () => {
    await using fixture = await withFullDisk();
    const { db } = fixture;
    const works = ['before', 'too much', 'behind'].map((word) =>
      db.transaction('shared', (tx) => say.enqueue(tx, { row: { word } }), { group: 'test' }),
    );
    const ends = (await Promise.allSettled(works)).map(({ status }) => status);
    expect(ends).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await said(db)).toEqual(['before', 'behind']);
  });

  test('executes no further statement', async () => {
    await using fixture = await withFullDisk();
    const { db } = fixture;
    const work = db.transaction('alone', async (tx) => {
      await say(tx, { row: { word: 'too much' } }).catch(() => {});
      await say(tx, { row: { word: 'behind' } });
      throw new Error('changed my mind');
    });
    await expect(work).rejects.toThrow();
    expect(await said(db)).toEqual([]);
  });
});

describe('a data folder', () => {
  test('keeps its data', async () => {
    await using folder = await newFolder();
    const first = new Database(sqliteBackend(folder.path));
    const steps = [{ name: '001', statements: () => ['CREATE TABLE kept (id TEXT)'] }];
    await migrate(first, [{ owner: 'test', tables: {}, steps }], 0);
    await first.close();
    const second = new Database(sqliteBackend(folder.path));
    expect(await migrate(second, [{ owner: 'test', tables: {}, steps }], 0)).toEqual([]);
    await second.close();
  });

  test('refuses a second process until the first one is gone, killed or not', async () => {
    await using folder = await newFolder();
    await using holder = await startLockHolder(folder.path);
    expect(() => sqliteBackend(folder.path)).toThrow(/in use by another process/);
    await holder.kill();
    await sqliteBackend(folder.path).close();
  });

  test('says which file is damaged, and what to do', async () => {
    await using folder = await newFolder();
    await writeFile(join(folder.path, 'auto-session.db'), 'no database '.repeat(1_000));
    expect(() => sqliteBackend(folder.path)).toThrow(/auto-session\.db cannot be used: it is damaged; put a backup/);
    await rm(join(folder.path, 'auto-session.db'));
    await sqliteBackend(folder.path).close();
  });

  test('says which file it may not open', async () => {
    await using folder = await newFolder();
    await mkdir(join(folder.path, 'auto-session.db'));
    expect(() => sqliteBackend(folder.path)).toThrow(
      /auto-session\.db cannot be used: let this user read and write it/,
    );
  });

  test.each([
    ['damaged', (file: string) => writeFile(file, 'no database '.repeat(1_000))],
    ['no file', (file: string) => mkdir(file)],
  ])('is not reported as in use when its lock is %s', async (_, spoil) => {
    await using folder = await newFolder();
    await spoil(join(folder.path, 'lock.db'));
    expect(() => sqliteBackend(folder.path)).toThrow(/lock\.db cannot be used: let this user read and write it/);
  });
});
