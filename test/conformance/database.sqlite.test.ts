import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Database } from '../../services/lib/db/database.ts';
import { migrate } from '../../services/lib/db/migrate.ts';
import { sqliteBackend } from '../../services/lib/db/sqlite.ts';
import { startHolder } from '../lock-holder.ts';
import { type DatabaseFixture, databaseConformance } from './database.ts';
import { migrationConformance } from './migrations.ts';
import { transactionGroupConformance } from './transaction-group.ts';

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
migrationConformance('SQLite', oneWay);
transactionGroupConformance('SQLite', oneWay);

describe('a data folder', () => {
  test('keeps its data', async () => {
    await using folder = await newFolder();
    const first = new Database(sqliteBackend(folder.path));
    const steps = [{ name: '001', statements: () => ['CREATE TABLE kept (id TEXT)'] }];
    await migrate(first, [{ owner: 'test', steps }], 0);
    await first.close();
    const second = new Database(sqliteBackend(folder.path));
    expect(await migrate(second, [{ owner: 'test', steps }], 0)).toEqual([]);
    await second.close();
  });

  test('refuses a second process until the first one is gone, killed or not', async () => {
    await using folder = await newFolder();
    await using holder = await startHolder(folder.path);
    expect(() => sqliteBackend(folder.path)).toThrow(/in use by another process/);
    await holder.kill();
    await sqliteBackend(folder.path).close();
  });
});
