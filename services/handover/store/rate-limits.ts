import type { Database } from '../../lib/db/database.ts';
import { isDueSince } from '../../lib/db/due.ts';
import { sqlTime } from '../../lib/db/sql-time.ts';
import type { HandoverTables } from './tables.ts';

/**
 * Acquires the channel's send slot; the next one is free `intervalMs` later, for all processes. False when no slot is free.
 * Slots are stored, because receivers count over restarts too. A slot that was acquired in the future is free: the wall clock
 * was set back since.
 */
export async function acquireSendSlot(
  db: Database,
  channel: string,
  now: number,
  intervalMs: number,
): Promise<boolean> {
  const next = { free_at: sqlTime(now + intervalMs), waits_since: sqlTime(now) };
  const updated = await db
    .autocommit<HandoverTables>()
    .updateTable('channel_paces')
    .set(next)
    .where('channel', '=', channel)
    .where(isDueSince('free_at', 'waits_since', now))
    .executeTakeFirst();
  return updated.numUpdatedRows === 1n || insertFirstSlot(db, { channel, ...next });
}

async function insertFirstSlot(db: Database, first: HandoverTables['channel_paces']): Promise<boolean> {
  const existing = await db
    .autocommit<HandoverTables>()
    .selectFrom('channel_paces')
    .select('channel')
    .where('channel', '=', first.channel)
    .executeTakeFirst();
  if (existing) return false;
  try {
    await db.autocommit<HandoverTables>().insertInto('channel_paces').values(first).execute();
    return true;
  } catch (error) {
    if (db.isDuplicateKey(error)) return false;
    throw error;
  }
}

/** Blocks the channel for `ms` at least. */
export async function blockChannel(db: Database, channel: string, now: number, ms: number): Promise<void> {
  await db
    .autocommit<HandoverTables>()
    .updateTable('channel_paces')
    .set({ free_at: sqlTime(now + ms), waits_since: sqlTime(now) })
    .where('channel', '=', channel)
    .where('free_at', '<', sqlTime(now + ms))
    .execute();
}
