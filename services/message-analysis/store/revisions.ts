import type { Executor } from '../../lib/db/sql-backend.ts';
import { sqlTime } from '../../lib/db/sql-time.ts';
import { type ContentFingerprint, matchesContent } from '../domain/content-hash.ts';
import type { ContentRevision } from '../domain/diff-batch.ts';
import { chunks } from './chunks.ts';
import type { MessageTables } from './tables.ts';

interface Key {
  readonly tenant: string;
  readonly conversationId: string;
}

/** The contents that are new for their message id, each once; contents that look the same count as one. */
export async function findNewRevisions(
  db: Executor<MessageTables>,
  key: Key,
  revisions: readonly ContentRevision[],
): Promise<ContentRevision[]> {
  if (revisions.length === 0) return [];
  const rows = await db
    .selectFrom('message_revisions')
    .select(['message_id', 'content_hash', 'content'])
    .where('tenant', '=', key.tenant)
    .where('conversation_id', '=', key.conversationId)
    .where('message_id', 'in', [...new Set(revisions.map(({ messageId }) => messageId))])
    .execute();
  const knownContents = new Map<string, ContentFingerprint[]>();
  for (const row of rows)
    addContent(knownContents, row.message_id, { contentHash: row.content_hash, content: row.content });
  return revisions.filter((revision) => {
    const { messageId, role, content } = revision;
    if (knownContents.get(messageId)?.some((known) => matchesContent(known, role, content))) return false;
    addContent(knownContents, messageId, revision);
    return true;
  });
}

function addContent(
  knownContents: Map<string, ContentFingerprint[]>,
  messageId: string,
  content: ContentFingerprint,
): void {
  const contents = knownContents.get(messageId);
  if (contents) contents.push(content);
  else knownContents.set(messageId, [content]);
}

/** Stores the contents. Fails on the primary key when another batch stored one of them first: roll back and retry. */
export async function addRevisions(
  tx: Executor<MessageTables>,
  { tenant, conversationId }: Key,
  revisions: readonly ContentRevision[],
  now: number,
): Promise<void> {
  const rows = revisions.map(({ messageId, content, contentHash }) => ({
    tenant,
    conversation_id: conversationId,
    message_id: messageId,
    content_hash: contentHash,
    content,
    first_seen_at: sqlTime(now),
  }));
  for (const chunk of chunks(rows)) await tx.insertInto('message_revisions').values(chunk).execute();
}
