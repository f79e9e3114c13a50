import type { Executor } from '../../lib/db/database.ts';
import { sqlTime } from '../../lib/db/time.ts';
import type { Differing } from '../domain/sort-out.ts';
import { chunks } from './chunks.ts';
import type { MessageTables } from './tables.ts';

interface Key {
  readonly tenant: string;
  readonly conversationId: string;
}

/** Those of the contents that were never seen under their message id, each once. */
export async function unseenRevisions(
  db: Executor<MessageTables>,
  key: Key,
  differing: readonly Differing[],
): Promise<Differing[]> {
  if (differing.length === 0) return [];
  const rows = await db
    .selectFrom('message_revisions')
    .select(['message_id', 'content_hash'])
    .where('tenant', '=', key.tenant)
    .where('conversation_id', '=', key.conversationId)
    .where('message_id', 'in', [...new Set(differing.map(({ messageId }) => messageId))])
    .execute();
  const seen = new Set(rows.map(({ message_id, content_hash }) => `${content_hash} ${message_id}`));
  return differing.filter(({ messageId, contentHash }) => {
    const revision = `${contentHash} ${messageId}`;
    return !seen.has(revision) && seen.add(revision);
  });
}

/** Keeps the contents. Fails on the primary key when another batch brought one of them first: roll back and look again. */
export async function addRevisions(
  tx: Executor<MessageTables>,
  { tenant, conversationId }: Key,
  differing: readonly Differing[],
  now: number,
): Promise<void> {
  const rows = differing.map(({ messageId, content, contentHash }) => ({
    tenant,
    conversation_id: conversationId,
    message_id: messageId,
    content_hash: contentHash,
    content,
    first_seen_at: sqlTime(now),
  }));
  for (const chunk of chunks(rows)) await tx.insertInto('message_revisions').values(chunk).execute();
}
