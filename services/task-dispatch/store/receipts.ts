import type { Executor } from '../../lib/db/database.ts';
import { sqlTime } from '../../lib/db/time.ts';
import type { Receipt } from '../domain/match.ts';
import type { StoredTask } from '../domain/task.ts';
import { columnsFor, recordOf } from './row.ts';
import type { StoredReceipt, TaskTables } from './tables.ts';

/** The receipt of a task's newest fetch. */
export function receiptOf(task: StoredTask): StoredReceipt {
  const { tenant, taskId, sessionId, accountKey, shopKey, contentHash, fetchedFence, fetchedAt, leaseExpiresAt } = task;
  if (fetchedAt === undefined || leaseExpiresAt === undefined) throw new Error('a receipt needs a fetch and a lease');
  const parties = { tenant, taskId, sessionId, accountKey, shopKey };
  return { ...parties, fence: fetchedFence, contentHash, fetchedAt, leaseExpiresAt };
}

export async function insertReceipt(tx: Executor<TaskTables>, receipt: StoredReceipt): Promise<void> {
  await tx
    .insertInto('receipts')
    .values(columnsFor(receipt) as never)
    .execute();
}

/** Moves the end of the lease on the receipt of the task's newest fetch. */
export async function extendReceipt(tx: Executor<TaskTables>, task: StoredTask, leaseExpiresAt: number): Promise<void> {
  await tx
    .updateTable('receipts')
    .set({ lease_expires_at: sqlTime(leaseExpiresAt) })
    .where('tenant', '=', task.tenant)
    .where('task_id', '=', task.taskId)
    .where('fence', '=', task.fetchedFence)
    .execute();
}

/** The receipts between an account and a shop that are free for one of the contents, or matched to one of the messages. */
export async function findReceipts(
  db: Executor<TaskTables>,
  parties: { tenant: string; accountKey: string; shopKey: string },
  messages: readonly { messageId: string; contentHash: string }[],
): Promise<Receipt[]> {
  const rows = await db
    .selectFrom('receipts')
    .selectAll()
    .where('tenant', '=', parties.tenant)
    .where('account_key', '=', parties.accountKey)
    .where('shop_key', '=', parties.shopKey)
    .where((eb) =>
      eb.or([
        eb('matched_message_id', 'in', [...new Set(messages.map((message) => message.messageId))]),
        eb.and([
          eb('matched_message_id', 'is', null),
          eb('content_hash', 'in', [...new Set(messages.map((message) => message.contentHash))]),
        ]),
      ]),
    )
    .execute();
  return rows.map((row) => {
    const receipt = recordOf<StoredReceipt>(row, []);
    return { ...receipt, matchedMessageId: receipt.matchedMessageId ?? '' };
  });
}

/** Remembers the message on a receipt that has none; false when another message was faster. */
export async function matchReceipt(
  tx: Executor<TaskTables>,
  tenant: string,
  receipt: Receipt,
  messageId: string,
): Promise<boolean> {
  const result = await tx
    .updateTable('receipts')
    .set({ matched_message_id: messageId })
    .where('tenant', '=', tenant)
    .where('task_id', '=', receipt.taskId)
    .where('fence', '=', receipt.fence)
    .where('matched_message_id', 'is', null)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}
