import { Control } from '../../../gen/autosession/control/v1/control_pb.js';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { sqlTime } from '../../lib/db/sql-time.ts';
import type { MessageTables } from './tables.ts';

/**
 * Removes up to `limit` finalized messages received before `before`, with their revisions; returns how many. Conversations
 * stay: their numbering continues.
 */
export async function purgeMessages(db: Executor<MessageTables>, before: number, limit: number): Promise<number> {
  const rows = await db
    .selectFrom('messages')
    .select(['tenant', 'conversation_id', 'message_id'])
    .where('settled', '=', 1)
    .where('received_at', '<', sqlTime(before))
    .orderBy('received_at')
    .limit(limit)
    .execute();
  const byConversation = Object.groupBy(rows, ({ tenant, conversation_id }) => `${tenant} ${conversation_id}`);
  for (const group of Object.values(byConversation)) if (group) await deleteMessages(db, group);
  return rows.length;
}

async function deleteMessages(
  db: Executor<MessageTables>,
  rows: readonly { tenant: string; conversation_id: string; message_id: string }[],
): Promise<void> {
  const { tenant, conversation_id } = rows[0]!;
  const ids = rows.map(({ message_id }) => message_id);
  for (const table of ['message_revisions', 'messages'] as const)
    await db
      .deleteFrom(table)
      .where('tenant', '=', tenant)
      .where('conversation_id', '=', conversation_id)
      .where('message_id', 'in', ids)
      .execute();
}

/** Removes up to `limit` closed chat sessions that did not change since `before`, with their turns; returns how many. */
export async function purgeChats(db: Executor<MessageTables>, before: number, limit: number): Promise<number> {
  const rows = await db
    .selectFrom('chat_sessions')
    .select(['tenant', 'session_id'])
    .where('control', '=', Control.CLOSED)
    .where('updated_at', '<', sqlTime(before))
    .orderBy('updated_at')
    .limit(limit)
    .execute();
  for (const { tenant, session_id } of rows)
    for (const table of ['chat_turns', 'chat_sessions'] as const)
      await db.deleteFrom(table).where('tenant', '=', tenant).where('session_id', '=', session_id).execute();
  return rows.length;
}
