import type { Executor } from '../../lib/db/database.ts';
import { sqlTime } from '../../lib/db/time.ts';
import { type KnownContent, saysSame } from '../domain/content-hash.ts';
import type { Differing } from '../domain/sort-out.ts';
import { chunks } from './chunks.ts';
import type { MessageTables } from './tables.ts';

interface Key {
  readonly tenant: string;
  readonly conversationId: string;
}

/** The contents that are new for their message id, including any that looks the same, each once. */
export async function unseenRevisions(
  db: Executor<MessageTables>,
  key: Key,
  differing: readonly Differing[],
): Promise<Differing[]> {
  if (differing.length === 0) return [];
  const rows = await db
    .selectFrom('message_revisions')
    .select(['message_id', 'content_hash', 'content'])
    .where('tenant', '=', key.tenant)
    .where('conversation_id', '=', key.conversationId)
    .where('message_id', 'in', [...new Set(differing.map(({ messageId }) => messageId))])
    .execute();
  const seen = new Map<string, KnownContent[]>();
  for (const row of rows) see(seen, row.message_id, { contentHash: row.content_hash, content: row.content });
  return differing.filter((revision) => {
    const { messageId, role, content } = revision;
    if (seen.get(messageId)?.some((known) => saysSame(known, role, content))) return false;
    see(seen, messageId, revision);
    return true;
  });
}

function see(seen: Map<string, KnownContent[]>, messageId: string, content: KnownContent): void {
  const contents = seen.get(messageId);
  if (contents) contents.push(content);
  else seen.set(messageId, [content]);
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
