import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Database } from './database.ts';
import { sqlTime } from './time.ts';

/** Rows of a table whose time in an indexed column has passed. A NULL there is never old. */
export interface Old {
  readonly table: string;
  readonly column: string;
  /** Epoch milliseconds. */
  readonly before: number;
}

const BATCH = 1_000;
/** Room for others between two batches. */
const PACE_MS = 20;

/** Deletes old rows in paced batches, each committed by itself, and returns how many. Stops early when the signal aborts. */
export async function deleteOlder(db: Database, old: Old, signal?: AbortSignal): Promise<number> {
  for (let total = 0; ; ) {
    const { numAffectedRows } = await batch(old, db).execute(db.of());
    const count = Number(numAffectedRows ?? 0);
    total += count;
    if (count < BATCH || signal?.aborted) return total;
    await delay(PACE_MS);
  }
}

/** MySQL has no LIMIT in a subquery of IN, SQLite none in DELETE. */
function batch({ table, column, before }: Old, db: Database) {
  const from = sql.table(table);
  const time = sql.ref(column);
  const limit = sql.lit(BATCH);
  const cutoff = sqlTime(before);
  return db.dialect === 'mysql'
    ? sql`DELETE FROM ${from} WHERE ${time} < ${cutoff} ORDER BY ${time} LIMIT ${limit}`
    : sql`DELETE FROM ${from} WHERE rowid IN (SELECT rowid FROM ${from} WHERE ${time} < ${cutoff} ORDER BY ${time} LIMIT ${limit})`;
}
