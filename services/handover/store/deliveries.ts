import { type Reminder, ReminderState } from '../../../gen/autosession/handover/v1/handover_pb.js';
import { currentTenant } from '../../lib/context.ts';
import type { Database, Executor } from '../../lib/db/database.ts';
import { sqlTime } from '../../lib/db/time.ts';
import { wordOf } from '../domain/words.ts';
import { toReminder } from './reminders.ts';
import type { DeliveryRow, HandoverTables } from './tables.ts';

/** How a try ended. */
export type Outcome =
  | { readonly state: 'delivered' }
  | { readonly state: 'pending'; readonly error: string; readonly refused: boolean; readonly nextTryAt: number }
  | { readonly state: 'failed'; readonly error: string; readonly refused: boolean };

/** At most `limit` deliveries of a channel that are due, of all tenants, the longest due first. */
export function dueDeliveries(db: Database, channel: string, now: number, limit: number): Promise<DeliveryRow[]> {
  return db
    .of<HandoverTables>()
    .selectFrom('reminder_deliveries')
    .selectAll()
    .where('channel', '=', channel)
    .where('state', '=', 'pending')
    .where('next_try_at', '<=', sqlTime(now))
    .orderBy('next_try_at')
    .limit(limit)
    .execute();
}

/** Makes the delivery this process's until `until`; false when another one was faster. */
export async function claimDelivery(db: Database, delivery: DeliveryRow, until: number): Promise<boolean> {
  const result = await mine(db.of<HandoverTables>(), delivery)
    .set({ attempts: delivery.attempts + 1, next_try_at: sqlTime(until) })
    .where('attempts', '=', delivery.attempts)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** Lets a delivery that was claimed and not tried to its end be claimed again at once. */
export async function giveBackDelivery(db: Database, delivery: DeliveryRow, now: number): Promise<void> {
  await mine(db.of<HandoverTables>(), delivery)
    .set({ next_try_at: sqlTime(now) })
    .execute();
}

function mine(db: Executor<HandoverTables>, { reminder_id, channel }: DeliveryRow) {
  return db
    .updateTable('reminder_deliveries')
    .where('tenant', '=', currentTenant())
    .where('reminder_id', '=', reminder_id)
    .where('channel', '=', channel)
    .where('state', '=', 'pending');
}

/** Fixes what the reminder says, for every channel and every try, and returns it; undefined when it is gone. */
export async function letOut(db: Database, reminderId: string, now: number): Promise<Reminder | undefined> {
  await db
    .of<HandoverTables>()
    .updateTable('reminders')
    .set({ out_at: sqlTime(now) })
    .where('tenant', '=', currentTenant())
    .where('reminder_id', '=', reminderId)
    .where('out_at', 'is', null)
    .execute();
  const row = await db
    .of<HandoverTables>()
    .selectFrom('reminders')
    .selectAll()
    .where('tenant', '=', currentTenant())
    .where('reminder_id', '=', reminderId)
    .executeTakeFirst();
  return row && toReminder(row);
}

/** Records how a try ended; the reminder is settled with its last delivery. */
export async function settleDelivery(db: Database, delivery: DeliveryRow, outcome: Outcome, now: number) {
  await db.transaction<HandoverTables, void>('handover.settle-delivery', async (tx) => {
    await countTry(tx, delivery, outcome);
    await mine(tx, delivery).set(columnsOf(delivery, outcome)).execute();
    if (outcome.state !== 'pending') await settleReminder(tx, delivery.reminder_id, now);
  });
}

/** Comes first: it locks the reminder, so that of two channels that end together the second one sees the first. */
async function countTry(tx: Executor<HandoverTables>, { reminder_id }: DeliveryRow, outcome: Outcome): Promise<void> {
  const error = outcome.state === 'delivered' ? {} : { last_error: outcome.error };
  await tx
    .updateTable('reminders')
    .set((eb) => ({ attempts: eb('attempts', '+', 1), ...error }))
    .where('tenant', '=', currentTenant())
    .where('reminder_id', '=', reminder_id)
    .execute();
}

function columnsOf({ refusals }: DeliveryRow, outcome: Outcome) {
  if (outcome.state === 'delivered') return { state: 'delivered', last_error: '' };
  const tried = { state: outcome.state, last_error: outcome.error, refusals: refusals + Number(outcome.refused) };
  return outcome.state === 'pending' ? { ...tried, next_try_at: sqlTime(outcome.nextTryAt) } : tried;
}

async function settleReminder(tx: Executor<HandoverTables>, reminderId: string, now: number): Promise<void> {
  const deliveries = await tx
    .selectFrom('reminder_deliveries')
    .select('state')
    .where('tenant', '=', currentTenant())
    .where('reminder_id', '=', reminderId)
    .execute();
  if (deliveries.some(({ state }) => state === 'pending')) return;
  const failed = deliveries.some(({ state }) => state === 'failed');
  await tx
    .updateTable('reminders')
    .set({
      state: wordOf(ReminderState, failed ? ReminderState.FAILED : ReminderState.DELIVERED),
      settled_at: sqlTime(now),
    })
    .where('tenant', '=', currentTenant())
    .where('reminder_id', '=', reminderId)
    .execute();
}
