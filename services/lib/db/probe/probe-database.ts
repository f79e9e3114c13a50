import { randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import type { Database } from '../database.ts';
import { columnTypesOf } from '../migrations/column-types.ts';
import type { Migrations } from '../migrations/migrations.ts';
import { probeError } from './probe-error.ts';
import { probeMysqlServer } from './probe-mysql.ts';

interface ProbeTables {
  database_probe: { run: string; id: string; name: string; open: number; at: string; slot?: string | null };
}

/** The probe's own table. */
export const probeTables: Migrations['tables'] = {
  database_probe: { removed: 'at the end of the probe that wrote them' },
};

/** Emoji, a rare Han character: four bytes each in UTF-8, which an old `utf8` cuts off. */
const FOUR_BYTES = '😀𠮷';
const PROBE_TIME = '2026-01-31 23:59:59.123';

/**
 * Checks that the database keeps what the services rely on: unique slots, names compared by code point, all of Unicode,
 * times to the millisecond, the isolation and the engine. Throws one sentence that names what is broken; a process must
 * not serve then. Run it after the migrations. Several processes may run it at once.
 */
export async function probeDatabase(db: Database): Promise<void> {
  if (db.dialect === 'mysql') await probeMysqlServer(db);
  const run = randomBytes(8).toString('hex');
  await createTable(db);
  try {
    await probeSlot(db, run);
    await probeText(db, run);
    await probeRollback(db, run);
  } finally {
    await db.autocommit<ProbeTables>().deleteFrom('database_probe').where('run', '=', run).execute();
  }
}

async function createTable(db: Database): Promise<void> {
  const c = columnTypesOf(db.dialect);
  const slot = c.generated(c.key(200), 'CASE WHEN open = 1 THEN name ELSE NULL END');
  await sql
    .raw(
      `CREATE TABLE IF NOT EXISTS database_probe (run ${c.id} NOT NULL, id ${c.id} NOT NULL, name ${c.key(200)} NOT NULL, ` +
        `open ${c.bool} NOT NULL, at ${c.time} NOT NULL, slot ${slot}, PRIMARY KEY (run, id), UNIQUE (run, slot)) ${c.tableOptions}`,
    )
    .execute(db.autocommit());
}

/** The unique index over a generated column: one open row, any number of closed ones. */
async function probeSlot(db: Database, run: string): Promise<void> {
  if (!(await insert(db, run, 'open', 'slot', 1)))
    throw probeError('a row that must be accepted was refused as a duplicate');
  if (await insert(db, run, 'second', 'slot', 1)) throw probeError('a unique index lets two open rows share one slot');
  for (const id of ['closed1', 'closed2'])
    if (!(await insert(db, run, id, 'slot', 0)))
      throw probeError('a unique index refuses a second closed row of a slot');
}

/** Returns false when the unique index refused the row. */
async function insert(db: Database, run: string, id: string, name: string, open: number): Promise<boolean> {
  try {
    await db
      .autocommit<ProbeTables>()
      .insertInto('database_probe')
      .values({ run, id, name, open, at: PROBE_TIME })
      .execute();
    return true;
  } catch (error) {
    if (db.isDuplicateKey(error)) return false;
    throw error;
  }
}

async function probeText(db: Database, run: string): Promise<void> {
  for (const [id, name] of [
    ['lower', 'a'],
    ['upper', 'A'],
    ['accent', 'á'],
    ['wide', FOUR_BYTES],
  ] as const)
    if (!(await insert(db, run, id, name, 1)))
      throw probeError(`keys are not compared by code point: '${name}' is not unique`);
  const rows = db.autocommit<ProbeTables>().selectFrom('database_probe').selectAll().where('run', '=', run);
  const found = await rows.where('name', 'in', ['A', FOUR_BYTES]).orderBy('id').execute();
  if (found.map((row) => row.id).join() !== 'upper,wide') throw probeError("'A' finds other names than itself");
  if (found[1]?.name !== FOUR_BYTES) throw probeError('characters of four bytes do not survive (utf8mb4)');
  if (found[1]?.at !== PROBE_TIME) throw probeError(`a time of ${PROBE_TIME} comes back as ${found[1]?.at}`);
}

async function probeRollback(db: Database, run: string): Promise<void> {
  const stop = new Error('rolled back on purpose');
  const work = db.transaction<ProbeTables, void>('probe', async (tx) => {
    await tx
      .insertInto('database_probe')
      .values({ run, id: 'undone', name: 'undone', open: 0, at: PROBE_TIME })
      .execute();
    throw stop;
  });
  await work.catch((error) => {
    if (error !== stop) throw error;
  });
  const left = db.autocommit<ProbeTables>().selectFrom('database_probe').select('id').where('run', '=', run);
  if (await left.where('id', '=', 'undone').executeTakeFirst())
    throw probeError('a rolled back transaction left its row');
}
