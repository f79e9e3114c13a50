import { type Reminder, ReminderState } from '../../../gen/autosession/handover/v1/handover_pb.js';
import type { Database } from '../../lib/db/database.ts';
import { isDueSince } from '../../lib/db/due.ts';
import { sqlTime } from '../../lib/db/sql-time.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { toReminder } from './reminders.ts';
import type { DeliveryRow, HandoverTables } from './tables.ts';

/** The states of a delivery that needs further work. */
export const OPEN_DELIVERY_STATES = ['pending', 'accepted'] as const;

/**
 * At most `limit` due deliveries of a channel, of all tenants, the longest due first. `accepted` ones are due when the claim of
 * the process that recorded them has expired.
 */
export function dueDeliveries(
  db: Database,
  channel: string,
  state: (typeof OPEN_DELIVERY_STATES)[number],
  now: number,
  limit: number,
): Promise<DeliveryRow[]> {
  return db
    .autocommit<HandoverTables>()
    .selectFrom('reminder_deliveries')
    .selectAll()
    .where('channel', '=', channel)
    .where('state', '=', state)
    .where(isDueSince('next_try_at', 'waits_since', now))
    .orderBy('next_try_at')
    .limit(limit)
    .execute();
}

/** The due pending deliveries, those of the most severe reminders first, and of these the oldest. */
export function mostSevereDeliveries(
  db: Database,
  channel: string,
  now: number,
  limit: number,
): Promise<DeliveryRow[]> {
  return db
    .autocommit<HandoverTables>()
    .selectFrom('reminder_deliveries as delivery')
    .innerJoin('reminders as reminder', (join) =>
      join.onRef('reminder.tenant', '=', 'delivery.tenant').onRef('reminder.reminder_id', '=', 'delivery.reminder_id'),
    )
    .selectAll('delivery')
    .where('delivery.channel', '=', channel)
    .where('delivery.state', '=', 'pending')
    .where(isDueSince('delivery.next_try_at', 'delivery.waits_since', now))
    .orderBy((eb) =>
      eb
        .case()
        .when('reminder.severity', '=', 'high')
        .then(0)
        .when('reminder.severity', '=', 'medium')
        .then(1)
        .else(2)
        .end(),
    )
    .orderBy('reminder.created_at')
    .orderBy('reminder.reminder_id')
    .limit(limit)
    .execute();
}

/** Reserves the delivery for this process for `ms`; false when another process was faster. */
export async function claimDelivery(db: Database, delivery: DeliveryRow, now: number, ms: number): Promise<boolean> {
  const result = await updatePendingDelivery(db, delivery)
    .set({ attempts: delivery.attempts + 1, next_try_at: sqlTime(now + ms), waits_since: sqlTime(now) })
    .where('attempts', '=', delivery.attempts)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** Gives up a claim whose attempt was interrupted: the delivery is due at once. */
export async function releaseDelivery(db: Database, delivery: DeliveryRow, now: number): Promise<void> {
  await updatePendingDelivery(db, delivery)
    .set({ next_try_at: sqlTime(now), waits_since: sqlTime(now) })
    .execute();
}

function updatePendingDelivery(db: Database, { reminder_id, channel }: DeliveryRow) {
  return db
    .autocommit<HandoverTables>()
    .updateTable('reminder_deliveries')
    .where('tenant', '=', currentTenant())
    .where('reminder_id', '=', reminder_id)
    .where('channel', '=', channel)
    .where('state', '=', 'pending');
}

/** Records, in one statement, that the receiver has accepted the reminders. After it they are not sent again. */
export async function markDeliveriesAccepted(
  db: Database,
  channel: string,
  reminderIds: readonly string[],
): Promise<void> {
  await db
    .autocommit<HandoverTables>()
    .updateTable('reminder_deliveries')
    .set({ state: 'accepted' })
    .where('tenant', '=', currentTenant())
    .where('reminder_id', 'in', reminderIds)
    .where('channel', '=', channel)
    .where('state', '=', 'pending')
    .execute();
}

/**
 * Freezes the counts of the reminders, for every channel and every attempt, and returns those that are to be sent: an
 * acknowledgement that was committed after the claim of a delivery stops it here.
 */
export async function freezeReminders(db: Database, reminderIds: readonly string[], now: number): Promise<Reminder[]> {
  await db
    .autocommit<HandoverTables>()
    .updateTable('reminders')
    .set({ out_at: sqlTime(now) })
    .where('tenant', '=', currentTenant())
    .where('reminder_id', 'in', reminderIds)
    .where('out_at', 'is', null)
    .execute();
  const reminders = await readReminders(db, reminderIds);
  return reminders.filter(({ state }) => state !== ReminderState.ACKNOWLEDGED);
}

/** The existing reminders in the order of the ids. Their counts may still grow. */
export async function readReminders(db: Database, reminderIds: readonly string[]): Promise<Reminder[]> {
  const rows = await db
    .autocommit<HandoverTables>()
    .selectFrom('reminders')
    .selectAll()
    .where('tenant', '=', currentTenant())
    .where('reminder_id', 'in', reminderIds)
    .execute();
  const byId = new Map(rows.map((row) => [row.reminder_id, row]));
  return reminderIds.flatMap((id) => byId.get(id) ?? []).map(toReminder);
}
