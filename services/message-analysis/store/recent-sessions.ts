import type { Executor } from '../../lib/db/sql-backend.ts';
import type { MessageTables } from './tables.ts';

const CHUNK = 500;

/**
 * The sessions of a tenant in which someone of this role wrote last, newest first, each once. Walks all finalized messages by the
 * time at which they were stored, in short reads between which the caller may stop.
 */
export async function* recentSessions(
  db: Executor<MessageTables>,
  tenant: string,
  role: number,
): AsyncGenerator<string | undefined> {
  const seen = new Set<string>();
  let before: string | undefined;
  let skip = 0;
  for (;;) {
    let query = db
      .selectFrom('messages')
      .select(['tenant', 'session_id', 'role', 'received_at'])
      .where('settled', '=', 1)
      .orderBy('received_at', 'desc')
      .limit(CHUNK)
      .offset(skip);
    if (before !== undefined) query = query.where('received_at', '<=', before);
    const rows = await query.execute();
    for (const row of rows) {
      if (row.tenant !== tenant || row.role !== role || !row.session_id || seen.has(row.session_id)) continue;
      seen.add(row.session_id);
      yield row.session_id;
    }
    const last = rows.at(-1)?.received_at;
    if (rows.length < CHUNK || last === undefined) return;
    const ofLast = rows.filter(({ received_at }) => received_at === last).length;
    skip = last === before ? skip + rows.length : ofLast;
    before = last;
    yield undefined;
  }
}
