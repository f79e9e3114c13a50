import type { Executor } from '../../lib/db/sql-backend.ts';
import type { ConversationParties } from './conversation.ts';
import type { ConversationRow, MessageTables } from './tables.ts';

type Tx = Executor<MessageTables>;

/** The move of a conversation without account to its account, or of a merged shop's conversation to the remaining shop. */
export interface ConversationAdoption {
  readonly tenant: string;
  /** The conversation that ends. */
  readonly from: string;
  /** The parties' conversation; undefined when they have none yet. */
  readonly to?: string;
  readonly parties: ConversationParties;
}

/**
 * Assigns the conversation to the parties: it becomes theirs, or its messages are appended to theirs in their order; of a
 * message that both hold, theirs stays. Its session is marked to be moved later. Does nothing when the conversation no longer
 * exists. Fails on a unique index when the parties got a conversation meanwhile: roll back and look it up again.
 */
export async function applyAdoption(tx: Tx, adoption: ConversationAdoption): Promise<void> {
  const { tenant, from, to, parties } = adoption;
  const locked = await lockConversations(tx, adoption);
  const source = locked.get(from);
  if (!source) return;
  const { session_id: claimed_session_id } = source;
  if (to === undefined) {
    const { accountKey: account_key, accountId: account_id, shopKey: shop_key } = parties;
    await tx
      .updateTable('conversations')
      .set({ account_key, account_id, shop_key, claimed_session_id })
      .where('tenant', '=', tenant)
      .where('conversation_id', '=', from)
      .execute();
    return;
  }
  const target = locked.get(to);
  if (!target) return; // merged into another one itself: the caller looks the conversations up again
  await mergeConversations(tx, { tenant, from, to, claimed_session_id }, source.last_seq, target.last_seq);
}

/** Always in the same order, so that two adoptions cannot deadlock. */
async function lockConversations(
  tx: Tx,
  { tenant, from, to }: ConversationAdoption,
): Promise<Map<string, Pick<ConversationRow, 'last_seq' | 'session_id'>>> {
  const rows = await tx
    .selectFrom('conversations')
    .select(['conversation_id', 'last_seq', 'session_id'])
    .where('tenant', '=', tenant)
    .where('conversation_id', 'in', to === undefined ? [from] : [from, to])
    .orderBy('conversation_id')
    .forUpdate()
    .execute();
  return new Map(rows.map((row) => [row.conversation_id, row]));
}

interface Merge {
  readonly tenant: string;
  readonly from: string;
  readonly to: string;
  readonly claimed_session_id: string;
}

async function mergeConversations(tx: Tx, move: Merge, fromLast: number, toLast: number): Promise<void> {
  const { tenant, from, to, claimed_session_id } = move;
  const deletedSeqs = await deleteDuplicates(tx, move);
  // between two deleted messages the numbers have no gap: each run of numbers moves as a whole
  let moved = 0;
  const ends = [...deletedSeqs, fromLast + 1];
  for (const [i, end] of ends.entries()) {
    const start = (deletedSeqs[i - 1] ?? 0) + 1;
    if (end > start) await moveSeqRange(tx, move, { start, end, by: toLast - i });
    moved += end - start;
  }
  await tx
    .updateTable('message_revisions')
    .set({ conversation_id: to })
    .where('tenant', '=', tenant)
    .where('conversation_id', '=', from)
    .execute();
  await tx
    .updateTable('conversations')
    .set({ last_seq: toLast + moved, claimed_session_id })
    .where('tenant', '=', tenant)
    .where('conversation_id', '=', to)
    .execute();
  await tx.deleteFrom('conversations').where('tenant', '=', tenant).where('conversation_id', '=', from).execute();
}

/** Deletes the messages that the target contains as well; returns their numbers in order. */
async function deleteDuplicates(tx: Tx, { tenant, from, to }: Merge): Promise<number[]> {
  const duplicates = await tx
    .selectFrom('messages as m')
    .innerJoin('messages as n', (join) =>
      join.onRef('n.tenant', '=', 'm.tenant').onRef('n.message_id', '=', 'm.message_id'),
    )
    .select(['m.message_id', 'm.seq'])
    .where('m.tenant', '=', tenant)
    .where('m.conversation_id', '=', from)
    .where('n.conversation_id', '=', to)
    .orderBy('m.seq')
    .execute();
  if (duplicates.length === 0) return [];
  const ids = duplicates.map(({ message_id }) => message_id);
  for (const table of ['messages', 'message_revisions'] as const)
    await tx
      .deleteFrom(table)
      .where('tenant', '=', tenant)
      .where('conversation_id', '=', from)
      .where('message_id', 'in', ids)
      .execute();
  return duplicates.map(({ seq }) => seq);
}

async function moveSeqRange(
  tx: Tx,
  { tenant, from, to }: Merge,
  run: { readonly start: number; readonly end: number; readonly by: number },
): Promise<void> {
  await tx
    .updateTable('messages')
    .set((eb) => ({ conversation_id: to, seq: eb('seq', '+', run.by) }))
    .where('tenant', '=', tenant)
    .where('conversation_id', '=', from)
    .where('seq', '>=', run.start)
    .where('seq', '<', run.end)
    .execute();
}

/** The id of the parties' conversation; undefined without one. */
export async function findConversationId(
  db: Tx,
  tenant: string,
  { shopKey, accountKey }: Pick<ConversationParties, 'shopKey' | 'accountKey'>,
): Promise<string | undefined> {
  const row = await db
    .selectFrom('conversations')
    .select('conversation_id')
    .where('tenant', '=', tenant)
    .where('shop_key', '=', shopKey)
    .where('account_key', '=', accountKey)
    .executeTakeFirst();
  return row?.conversation_id;
}
