import type { Executor } from '../../lib/db/sql-backend.ts';
import { recentMessages } from './recent-messages.ts';
import type { MessageTables } from './tables.ts';

/**
 * The sessions of a tenant in which someone of this role wrote last, newest first, each once; undefined between two reads, so that
 * the caller may stop.
 */
export async function* recentSessions(
  db: Executor<MessageTables>,
  tenant: string,
  role: number,
): AsyncGenerator<string | undefined> {
  const seen = new Set<string>();
  const query = db.selectFrom('messages').select(['tenant', 'session_id', 'role', 'received_at']);
  for await (const rows of recentMessages(query)) {
    for (const row of rows) {
      if (row.tenant !== tenant || row.role !== role || !row.session_id || seen.has(row.session_id)) continue;
      seen.add(row.session_id);
      yield row.session_id;
    }
    yield undefined;
  }
}
