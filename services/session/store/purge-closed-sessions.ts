import type { Database } from '../../lib/db/database.ts';
import { sqlTime } from '../../lib/db/sql-time.ts';
import type { SessionTables } from './tables.ts';

/** Removes up to `limit` sessions, of any tenant, that were closed before `closedBefore`. Returns how many. */
export async function purgeClosedSessions(db: Database, closedBefore: number, limit: number): Promise<number> {
  const old = await db
    .autocommit<SessionTables>()
    .selectFrom('sessions')
    .select(['tenant', 'session_id'])
    .where('finished_at', '<', sqlTime(closedBefore))
    .orderBy('finished_at')
    .limit(limit)
    .execute();
  for (const [tenant, rows] of Map.groupBy(old, (row) => row.tenant)) {
    const ids = rows.map((row) => row.session_id);
    await db.transaction<SessionTables, void>('session-retention', async (tx) => {
      for (const table of ['conversation_trigger', 'sessions'] as const)
        await tx.deleteFrom(table).where('tenant', '=', tenant).where('session_id', 'in', ids).execute();
    });
  }
  return old.length;
}
