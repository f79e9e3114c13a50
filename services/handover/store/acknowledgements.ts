import type { Executor } from '../../lib/db/sql-backend.ts';
import { sqlTime } from '../../lib/db/sql-time.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { HandoverTables, ReminderRow } from './tables.ts';

/** A reminder that was acknowledged. */
export type AcknowledgedReminder = ReminderRow & { acknowledged_at: string; acknowledged_by: string };

/** The reminder, locked like by the records of its deliveries. */
export function lockReminder(tx: Executor<HandoverTables>, reminderId: string): Promise<ReminderRow | undefined> {
  return tx
    .selectFrom('reminders')
    .selectAll()
    .where('tenant', '=', currentTenant())
    .where('reminder_id', '=', reminderId)
    .forUpdate()
    .executeTakeFirst();
}

export function isAcknowledged(row: ReminderRow): row is AcknowledgedReminder {
  return row.acknowledged_at !== null;
}

/**
 * Acknowledges a locked reminder: cancels its pending deliveries and fixes its count. A claimed delivery is pending too: its
 * worker reads the reminder before it sends. One that the receiver has accepted keeps its state, which is recorded later.
 */
export async function acknowledge(
  tx: Executor<HandoverTables>,
  row: ReminderRow,
  by: string,
  now: number,
): Promise<AcknowledgedReminder> {
  const isAccepted = await cancelDeliveries(tx, row);
  const at = sqlTime(now);
  const changes = {
    acknowledged_at: at,
    acknowledged_by: by,
    out_at: row.out_at ?? at,
    settled_at: row.settled_at ?? (isAccepted ? null : at),
  };
  await tx
    .updateTable('reminders')
    .set(changes)
    .where('tenant', '=', currentTenant())
    .where('reminder_id', '=', row.reminder_id)
    .execute();
  return { ...row, ...changes };
}

/** Whether a channel's acceptance is still to be recorded. */
async function cancelDeliveries(tx: Executor<HandoverTables>, { reminder_id }: ReminderRow): Promise<boolean> {
  const deliveries = await tx
    .selectFrom('reminder_deliveries')
    .select(['channel', 'state'])
    .where('tenant', '=', currentTenant())
    .where('reminder_id', '=', reminder_id)
    .execute();
  const pending = deliveries.filter(({ state }) => state === 'pending').map(({ channel }) => channel);
  if (pending.length > 0)
    await tx
      .updateTable('reminder_deliveries')
      .set({ state: 'cancelled' })
      .where('tenant', '=', currentTenant())
      .where('reminder_id', '=', reminder_id)
      .where('channel', 'in', pending)
      .where('state', '=', 'pending')
      .execute();
  return deliveries.some(({ state }) => state === 'accepted');
}
