import type { Database } from '../../lib/db/database.ts';
import { sqlTime } from '../../lib/db/time.ts';
import type { HandoverTables } from './tables.ts';

/**
 * Takes the channel's place of now, after which the next one comes `intervalMs` later, whichever process asks; false when it
 * is not free. It lasts over restarts: a receiver that counts by the minute does not notice them.
 */
export async function takePlace(db: Database, channel: string, now: number, intervalMs: number): Promise<boolean> {
  const next = sqlTime(now + intervalMs);
  const taken = await db
    .of<HandoverTables>()
    .updateTable('channel_paces')
    .set({ free_at: next })
    .where('channel', '=', channel)
    .where('free_at', '<=', sqlTime(now))
    .executeTakeFirst();
  return taken.numUpdatedRows === 1n || takeFirstPlace(db, channel, next);
}

async function takeFirstPlace(db: Database, channel: string, next: string): Promise<boolean> {
  const known = await db
    .of<HandoverTables>()
    .selectFrom('channel_paces')
    .select('channel')
    .where('channel', '=', channel)
    .executeTakeFirst();
  if (known) return false;
  try {
    await db.of<HandoverTables>().insertInto('channel_paces').values({ channel, free_at: next }).execute();
    return true;
  } catch (error) {
    if (db.isDuplicateKey(error)) return false;
    throw error;
  }
}

/** Keeps the channel's place taken until `until` at least. */
export async function holdPlace(db: Database, channel: string, until: number): Promise<void> {
  await db
    .of<HandoverTables>()
    .updateTable('channel_paces')
    .set({ free_at: sqlTime(until) })
    .where('channel', '=', channel)
    .where('free_at', '<', sqlTime(until))
    .execute();
}
