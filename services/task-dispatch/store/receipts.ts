import { precompiledQuery } from '../../lib/db/precompiled-query/precompiled-query.ts';
import { columnsFor, recordOf } from '../../lib/db/row-mapping.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { sqlTime } from '../../lib/db/sql-time.ts';
import { foldedHash } from '../domain/content-hash.ts';
import type { ObservedMessage, Receipt } from '../domain/match-messages.ts';
import type { StoredTask } from '../domain/task.ts';
import type { StoredReceipt, TaskTables } from './tables.ts';

/** The receipt of a task's newest fetch. */
export function receiptOf(task: StoredTask): StoredReceipt {
  const { tenant, taskId, sessionId, accountKey, shopKey, contentHash, fetchedFence, fetchedAt, leaseExpiresAt } = task;
  if (fetchedAt === undefined || leaseExpiresAt === undefined) throw new Error('a receipt needs a fetch and a lease');
  const parties = { tenant, taskId, sessionId, accountKey, shopKey };
  const folded = foldedHash(task.sendContent);
  const hashes = { contentHash, foldedHash: folded === contentHash ? undefined : folded };
  return { ...parties, fence: fetchedFence, ...hashes, fetchedAt, leaseExpiresAt, agentMessageId: task.messageId };
}

export function insertReceipt(tx: Executor<TaskTables>, receipt: StoredReceipt): Promise<void> {
  return insert.enqueue(tx, { row: columnsFor(receipt) });
}

const insert = precompiledQuery((db: Executor<TaskTables>, { row }: { row: object }) =>
  db.insertInto('receipts').values(row as never),
);

/** Moves the expiry of the lease on the receipt of the task's newest fetch. */
export async function extendReceipt(tx: Executor<TaskTables>, task: StoredTask, leaseExpiresAt: number): Promise<void> {
  await tx
    .updateTable('receipts')
    .set({ lease_expires_at: sqlTime(leaseExpiresAt) })
    .where('tenant', '=', task.tenant)
    .where('task_id', '=', task.taskId)
    .where('fence', '=', task.fetchedFence)
    .execute();
}

/** The receipts between an account and a shop that match one of the contents and are free, or are matched to a message. */
export async function findReceipts(
  db: Executor<TaskTables>,
  parties: { tenant: string; accountKey: string; shopKeys: readonly string[] },
  messages: readonly ObservedMessage[],
): Promise<Receipt[]> {
  const foldedHashes = new Set(messages.map((message) => message.foldedHash));
  const foldedBy = new Map(messages.map((message) => [message.contentHash, message.foldedHash]));
  for (const folded of foldedHashes) foldedBy.set(folded, folded);
  const { rows } = await select(db, {
    ...parties,
    messageIds: [...new Set(messages.map((message) => message.messageId))],
    contentHashes: [...foldedBy.keys()],
    foldedHashes: [...foldedHashes],
  });
  return rows.map((row) => {
    const { contentHash, ...receipt } = recordOf<StoredReceipt>(row, []);
    const folded = receipt.foldedHash ?? foldedBy.get(contentHash) ?? contentHash;
    return { ...receipt, foldedHash: folded, matchedMessageId: receipt.matchedMessageId ?? '' };
  });
}

interface WantedReceipts {
  readonly tenant: string;
  readonly accountKey: string;
  readonly shopKeys: readonly string[];
  readonly messageIds: readonly string[];
  readonly contentHashes: readonly string[];
  readonly foldedHashes: readonly string[];
}

const select = precompiledQuery((db: Executor<TaskTables>, wanted: WantedReceipts) =>
  db
    .selectFrom('receipts')
    .selectAll()
    .where('tenant', '=', wanted.tenant)
    .where('account_key', '=', wanted.accountKey)
    .where('shop_key', 'in', wanted.shopKeys)
    .where((eb) =>
      eb.or([
        eb('matched_message_id', 'in', wanted.messageIds),
        eb.and([eb('matched_message_id', 'is', null), eb('content_hash', 'in', wanted.contentHashes)]),
        eb.and([eb('matched_message_id', 'is', null), eb('folded_hash', 'in', wanted.foldedHashes)]),
      ]),
    ),
);

/** Stores the message on an unmatched receipt; false when the receipt was matched to another message. */
export async function linkReceipt(
  tx: Executor<TaskTables>,
  tenant: string,
  receipt: Receipt,
  messageId: string,
): Promise<boolean> {
  const { taskId, fence } = receipt;
  return (await match(tx, { tenant, taskId, fence, messageId })).numAffectedRows === 1n;
}

const match = precompiledQuery(
  (db: Executor<TaskTables>, to: { tenant: string; taskId: string; fence: number; messageId: string }) =>
    db
      .updateTable('receipts')
      .set({ matched_message_id: to.messageId })
      .where('tenant', '=', to.tenant)
      .where('task_id', '=', to.taskId)
      .where('fence', '=', to.fence)
      .where('matched_message_id', 'is', null),
);
