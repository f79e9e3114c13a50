import { sql } from 'kysely';
import type { Executor } from '../../lib/db/sql-backend.ts';
import type { MessageRow, MessageTables } from './tables.ts';

/** The beginning of the last message of a session. */
export type LastMessage = Pick<MessageRow, 'type'> & { readonly sessionId: string; readonly content: string };

/** The last message of each of these sessions that has one, each with the first `length` characters of its content. One statement. */
export async function lastMessageOfEach(
  db: Executor<MessageTables>,
  tenant: string,
  sessionIds: readonly string[],
  length: number,
): Promise<LastMessage[]> {
  const queries = sessionIds.map((sessionId, number) => {
    const last = db
      .selectFrom('messages')
      .select(['session_id', 'type', sql<string>`substr(content, 1, ${sql.lit(length)})`.as('content')])
      .where('tenant', '=', tenant)
      .where('session_id', '=', sessionId)
      .orderBy('order_at', 'desc')
      .orderBy('seq', 'desc')
      .limit(1);
    return db.selectFrom(last.as(`last_${number}`)).selectAll();
  });
  const [first, ...others] = queries;
  if (!first) return [];
  const rows = await others.reduce((all, query) => all.unionAll(query), first).execute();
  return rows.map(({ session_id: sessionId, type, content }) => ({ sessionId: sessionId ?? '', type, content }));
}
