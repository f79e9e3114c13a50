import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Database } from '../database.ts';
import { sqlTime } from '../sql-time.ts';
import { columnTypesOf } from './column-types.ts';
import type { Migrations } from './migrations.ts';

/** The table that records which steps have run. */
export const migrationTables: Migrations['tables'] = {
  schema_migration: { keptForEver: 'one row per step' },
};

interface MigrationTables {
  schema_migration: { owner: string; name: string; applied_at: string };
}

const LOCK_NAME = 'migrations';
const LOCK_TIMEOUT_MS = 60_000;

/**
 * Runs the steps that have not run yet, in order, under a lock of the whole installation: of two processes that start
 * together one migrates and the other waits. Returns the names that ran. Throws when the lock is not free within 60 s.
 */
export async function migrate(db: Database, owners: readonly Migrations[], now: number): Promise<string[]> {
  await using _lock = await waitForLock(db);
  const columns = columnTypesOf(db.dialect);
  const kysely = db.autocommit<MigrationTables>();
  await sql
    .raw(
      `CREATE TABLE IF NOT EXISTS schema_migration (owner ${columns.id} NOT NULL, name ${columns.id} NOT NULL, ` +
        `applied_at ${columns.time} NOT NULL, PRIMARY KEY (owner, name)) ${columns.tableOptions}`,
    )
    .execute(kysely);
  const rows = await kysely.selectFrom('schema_migration').select(['owner', 'name']).execute();
  const done = new Set(rows.map((row) => `${row.owner}/${row.name}`));
  const ran: string[] = [];
  for (const { owner, steps } of owners) {
    for (const step of steps) {
      if (done.has(`${owner}/${step.name}`)) continue;
      for (const statement of step.statements(columns)) await runStatement(db, statement);
      await kysely
        .insertInto('schema_migration')
        .values({ owner, name: step.name, applied_at: sqlTime(now) })
        .execute();
      ran.push(`${owner}/${step.name}`);
    }
  }
  return ran;
}

/** A step that was interrupted runs again from its start: what exists already is no error. */
async function runStatement(db: Database, statement: string): Promise<void> {
  try {
    await sql.raw(statement).execute(db.autocommit());
  } catch (error) {
    if (!isAlreadyApplied(error)) throw error;
  }
}

/** 1050 table, 1060 column, 1061 index exist (MySQL); SQLite reports it as text. */
function isAlreadyApplied(error: unknown): boolean {
  const { errno, message } = error as { errno?: number; message?: string };
  return [1050, 1060, 1061].includes(errno ?? 0) || /already exists|duplicate column name/.test(message ?? '');
}

async function waitForLock(db: Database) {
  const until = performance.now() + LOCK_TIMEOUT_MS;
  for (;;) {
    const lock = await db.tryLock(LOCK_NAME);
    if (lock) return lock;
    if (performance.now() > until) throw new Error('another process has been migrating the database for over 60 s');
    await delay(100);
  }
}
