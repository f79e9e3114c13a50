import { ReminderState } from '../../../gen/autosession/handover/v1/handover_pb.js';
import type { Database } from '../../lib/db/database.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { sqlTime } from '../../lib/db/sql-time.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { enumToText } from '../domain/enum-names.ts';
import { OPEN_DELIVERY_STATES } from './deliveries.ts';
import type { DeliveryRow, HandoverTables, ReminderRow } from './tables.ts';

/** The session of a reminder, for logs. */
export type SessionNames = Pick<ReminderRow, 'session_id' | 'session_name'>;

/** The outcome of an attempt. */
export type DeliveryOutcome =
  | { readonly state: 'delivered' }
  | { readonly state: 'pending'; readonly error: string; readonly refused: boolean; readonly nextTryAt: number }
  | { readonly state: 'failed'; readonly error: string; readonly refused: boolean };

/**
 * Records the outcome of an attempt; with its last delivery the reminder gets its final state. `delivered` is for a delivery
 * recorded as accepted, the others for one that is not. Returns the reminder's session; undefined when another process has
 * recorded an outcome.
 */
export function recordDeliveryOutcome(
  db: Database,
  delivery: DeliveryRow,
  outcome: DeliveryOutcome,
  now: number,
): Promise<SessionNames | undefined> {
  return db.transaction<HandoverTables, SessionNames | undefined>('handover.settle-delivery', async (tx) => {
    // The lock comes first, so that of two channels that finish at the same time the second one sees the first.
    const session = await lockReminder(tx, delivery);
    const states = await deliveryStates(tx, delivery);
    const from = outcome.state === 'delivered' ? 'accepted' : 'pending';
    if (states.get(delivery.channel) !== from) return undefined;
    states.set(delivery.channel, outcome.state);
    await tx
      .updateTable('reminder_deliveries')
      .set(outcomeColumns(delivery, outcome, now))
      .where('tenant', '=', currentTenant())
      .where('reminder_id', '=', delivery.reminder_id)
      .where('channel', '=', delivery.channel)
      .execute();
    await addReminderAttempt(tx, delivery, outcome, reminderCompletion([...states.values()], now));
    return session;
  });
}

function lockReminder(tx: Executor<HandoverTables>, { reminder_id }: DeliveryRow): Promise<SessionNames | undefined> {
  return tx
    .selectFrom('reminders')
    .select(['session_id', 'session_name'])
    .where('tenant', '=', currentTenant())
    .where('reminder_id', '=', reminder_id)
    .forUpdate()
    .executeTakeFirst();
}

async function deliveryStates(
  tx: Executor<HandoverTables>,
  { reminder_id }: DeliveryRow,
): Promise<Map<string, string>> {
  const rows = await tx
    .selectFrom('reminder_deliveries')
    .select(['channel', 'state'])
    .where('tenant', '=', currentTenant())
    .where('reminder_id', '=', reminder_id)
    .execute();
  return new Map(rows.map(({ channel, state }) => [channel, state]));
}

function outcomeColumns({ refusals }: DeliveryRow, outcome: DeliveryOutcome, now: number) {
  if (outcome.state === 'delivered') return { state: 'delivered', last_error: '' };
  const columns = { state: outcome.state, last_error: outcome.error, refusals: refusals + Number(outcome.refused) };
  return outcome.state === 'pending'
    ? { ...columns, next_try_at: sqlTime(outcome.nextTryAt), waits_since: sqlTime(now) }
    : columns;
}

/**
 * The columns of a reminder whose deliveries are in these states; none while one of them is open. With a cancelled one it was
 * acknowledged before every channel had it: it never counts as delivered.
 */
function reminderCompletion(states: readonly string[], now: number): { state?: string; settled_at?: string } {
  if (OPEN_DELIVERY_STATES.some((state) => states.includes(state))) return {};
  if (states.includes('cancelled')) return { settled_at: sqlTime(now) };
  const state = states.includes('failed') ? ReminderState.FAILED : ReminderState.DELIVERED;
  return { state: enumToText(ReminderState, state), settled_at: sqlTime(now) };
}

async function addReminderAttempt(
  tx: Executor<HandoverTables>,
  { reminder_id }: DeliveryRow,
  outcome: DeliveryOutcome,
  completion: { state?: string; settled_at?: string },
): Promise<void> {
  const error = outcome.state === 'delivered' ? {} : { last_error: outcome.error };
  await tx
    .updateTable('reminders')
    .set((eb) => ({ attempts: eb('attempts', '+', 1), ...error, ...completion }))
    .where('tenant', '=', currentTenant())
    .where('reminder_id', '=', reminder_id)
    .execute();
}
