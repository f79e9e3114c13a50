import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Database } from './database.ts';
import { sqlTime } from './sql-time.ts';

/** Rows of a table whose time in an indexed column has passed. A NULL there is never old. */
export interface ExpiredRows {
  readonly table: string;
  readonly column: string;
  /** Epoch milliseconds. */
  readonly before: number;
}

const BATCH_SIZE = 1_000;
/** The pause between two batches, for other transactions. */
const BATCH_PAUSE_MS = 20;

/** Deletes old rows in paced batches, each committed by itself, and returns how many. Stops early when the signal aborts. */
export async function deleteOlder(db: Database, expired: ExpiredRows, signal?: AbortSignal): Promise<number> {
  for (let total = 0; ; ) {
    const { numAffectedRows } = await deleteBatchQuery(expired, db).execute(db.autocommit());
    const count = Number(numAffectedRows ?? 0);
    total += count;
    if (count < BATCH_SIZE || signal?.aborted) return total;
    await delay(BATCH_PAUSE_MS);
  }
}

/** MySQL has no LIMIT in a subquery of IN, SQLite none in DELETE. */
function deleteBatchQuery({ table, column, before }: ExpiredRows, db: Database) {
  const from = sql.table(table);
  const time = sql.ref(column);
  const limit = sql.lit(BATCH_SIZE);
  const cutoff = sqlTime(before);
  return db.dialect === 'mysql'
    ? sql`DELETE FROM ${from} WHERE ${time} < ${cutoff} ORDER BY ${time} LIMIT ${limit}`
    : sql`DELETE FROM ${from} WHERE rowid IN (SELECT rowid FROM ${from} WHERE ${time} < ${cutoff} ORDER BY ${time} LIMIT ${limit})`;
}
