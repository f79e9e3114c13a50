import { sql } from 'kysely';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { recentMessages } from './recent-messages.ts';
import type { MessageTables } from './tables.ts';

const MAX_SEARCHED_MESSAGES = 10_000;
const MAX_FOUND_SESSIONS = 1_000;

/**
 * The sessions of a tenant of which a message contains the keyword, the one with the newest such message first. Ends early after
 * 10,000 messages of the tenant, with 1000 sessions, and as soon as `isOver` says so.
 */
export async function searchSessions(
  db: Executor<MessageTables>,
  tenant: string,
  keyword: string,
  isOver: () => boolean,
): Promise<{ sessionIds: string[]; endedEarly: boolean }> {
  const found = new Set<string>();
  let searched = 0;
  // not LIKE: it ignores case on SQLite, and % and _ would be wildcards. The content of other tenants is not even compared
  const hit = sql<number>`case when tenant = ${tenant} then instr(content, ${keyword}) else 0 end`.as('hit');
  const query = db.selectFrom('messages').select(['tenant', 'session_id', 'received_at', hit]);
  for await (const rows of recentMessages(query)) {
    for (const row of rows) {
      if (row.tenant !== tenant) continue;
      if (searched === MAX_SEARCHED_MESSAGES || found.size === MAX_FOUND_SESSIONS)
        return { sessionIds: [...found], endedEarly: true };
      searched++;
      if (row.hit > 0 && row.session_id) found.add(row.session_id);
    }
    if (isOver()) return { sessionIds: [...found], endedEarly: true };
  }
  return { sessionIds: [...found], endedEarly: false };
}
