import type { Executor } from '../../lib/db/sql-backend.ts';
import type { SessionTables } from './tables.ts';

const MAX_COUNTED_SESSIONS = 20_000;

/** The number of open sessions of all tenants by control. */
export async function countByControl(db: Executor<SessionTables>): Promise<ReadonlyMap<string, number>> {
  // every open session has a wake_at
  const open = db
    .selectFrom('sessions')
    .select('control')
    .where('wake_at', 'is not', null)
    .orderBy('wake_at')
    .limit(MAX_COUNTED_SESSIONS);
  const rows = await db
    .selectFrom(open.as('open_sessions'))
    .select((eb) => ['control', eb.fn.countAll().as('count')])
    .groupBy('control')
    .execute();
  return new Map(rows.map(({ control, count }) => [control, Number(count)]));
}
