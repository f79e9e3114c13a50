import type { Executor } from '../../lib/db/sql-backend.ts';
import { parseSqlTime, sqlTime } from '../../lib/db/sql-time.ts';
import type { MessageTables } from './tables.ts';

/** How many sessions wait for the analysis of their messages, counted up to a limit, and since when the first of them. */
export interface LateAnalysis {
  readonly count: number;
  /** Epoch milliseconds; undefined without any. */
  readonly since?: number;
}

interface Limits {
  /** Epoch milliseconds: only what has waited since before then. */
  readonly before: number;
  readonly max: number;
}

/** Conversations of all tenants with messages that are stored and not evaluated. */
export async function lateConversations(db: Executor<MessageTables>, { before, max }: Limits): Promise<LateAnalysis> {
  const rows = await db
    .selectFrom('messages')
    .select((eb) => ['tenant', 'conversation_id', eb.fn.min('received_at').as('since')])
    .where('settled', '=', 0)
    .where('received_at', '<', sqlTime(before))
    .groupBy(['tenant', 'conversation_id'])
    .limit(max)
    .execute();
  return summarize(rows.map(({ since }) => since));
}

/** Chats of all tenants with a decision that is not carried out, or with messages that no turn answers. */
export async function lateChats(db: Executor<MessageTables>, { before, max }: Limits): Promise<LateAnalysis> {
  const rows = await db
    .selectFrom('chat_sessions')
    .select('updated_at as since')
    .where('due', '=', 1)
    .where('updated_at', '<', sqlTime(before))
    .orderBy('updated_at')
    .limit(max)
    .execute();
  return summarize(rows.map(({ since }) => since));
}

function summarize(times: readonly string[]): LateAnalysis {
  const since = times.toSorted()[0];
  return { count: times.length, since: since === undefined ? undefined : parseSqlTime(since) };
}
