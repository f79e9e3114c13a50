import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import {
  type Reminder,
  ReminderKind,
  ReminderSchema,
  ReminderState,
} from '../../../gen/autosession/handover/v1/handover_pb.js';
import type { Database } from '../../lib/db/database.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { parseSqlTime, sqlTime } from '../../lib/db/sql-time.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { enumFromText, enumToText } from '../domain/enum-names.ts';
import type { MessageReminder, ReminderFields } from '../domain/reminder.ts';
import { reminderText } from '../domain/reminder-text.ts';
import type { SessionRef } from '../domain/session-ref.ts';
import { filterByIndex, type ListCursor, type ListPage, paginate, toListPage } from './list-page.ts';
import type { HandoverTables, ReminderRow } from './tables.ts';

/** Whether the reminder exists. */
export async function hasReminder(
  tx: Executor<HandoverTables>,
  sessionId: string,
  { kind, epoch, minute }: Pick<ReminderFields, 'kind' | 'epoch' | 'minute'>,
): Promise<boolean> {
  const row = await tx
    .selectFrom('reminders')
    .select('reminder_id')
    .where('tenant', '=', currentTenant())
    .where('session_id', '=', sessionId)
    .where('kind', '=', enumToText(ReminderKind, kind))
    .where('owner_epoch', '=', epoch)
    .where('minute', '=', minute)
    .executeTakeFirst();
  return row !== undefined;
}

/** Adds a reminder and its delivery on every channel, and returns it. Fails on the unique index when it exists. */
export async function insertReminder(
  tx: Executor<HandoverTables>,
  session: SessionRef,
  fields: ReminderFields,
  reminderId: string,
  channels: readonly string[],
): Promise<Reminder> {
  const row: ReminderRow = {
    tenant: currentTenant(),
    reminder_id: reminderId,
    session_id: session.sessionId,
    session_name: session.sessionName,
    account_id: session.accountId,
    shop_name: session.shopName,
    kind: enumToText(ReminderKind, fields.kind),
    owner_epoch: fields.epoch,
    minute: fields.minute,
    state: enumToText(ReminderState, ReminderState.PENDING),
    severity: enumToText(Severity, fields.severity),
    count: fields.count,
    created_at: sqlTime(fields.at),
    out_at: null,
    settled_at: null,
    attempts: 0,
    last_error: '',
    acknowledged_at: null,
    acknowledged_by: null,
  };
  await tx.insertInto('reminders').values(row).execute();
  const { tenant, reminder_id } = row;
  const initialDelivery = {
    state: 'pending',
    attempts: 0,
    refusals: 0,
    next_try_at: sqlTime(fields.dueAt),
    waits_since: sqlTime(fields.at),
    last_error: '',
  };
  await tx
    .insertInto('reminder_deliveries')
    .values(channels.map((channel) => ({ tenant, reminder_id, channel, ...initialDelivery })))
    .execute();
  return toReminder(row);
}

/** The session's reminders of new messages of `minute` and later. */
export async function messageReminders(
  tx: Executor<HandoverTables>,
  sessionId: string,
  minute: number,
): Promise<MessageReminder[]> {
  const rows = await tx
    .selectFrom('reminders')
    .select(['reminder_id', 'minute', 'out_at'])
    .where('tenant', '=', currentTenant())
    .where('session_id', '=', sessionId)
    .where('kind', '=', enumToText(ReminderKind, ReminderKind.NEW_MESSAGES))
    .where('minute', '>=', minute)
    .execute();
  return rows.map((row) => ({ reminderId: row.reminder_id, minute: row.minute, out: row.out_at !== null }));
}

/** Adds to the count of a reminder that is not out; false when it is out by now. */
export async function incrementReminderCount(
  tx: Executor<HandoverTables>,
  reminderId: string,
  by: number,
): Promise<boolean> {
  const result = await tx
    .updateTable('reminders')
    .set((eb) => ({ count: eb('count', '+', by) }))
    .where('tenant', '=', currentTenant())
    .where('reminder_id', '=', reminderId)
    .where('out_at', 'is', null)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** Whether the event's messages are counted. */
export async function isEventCounted(tx: Executor<HandoverTables>, eventId: string): Promise<boolean> {
  const row = await tx
    .selectFrom('reminder_counted_events')
    .select('reminder_id')
    .where('tenant', '=', currentTenant())
    .where('event_id', '=', eventId)
    .executeTakeFirst();
  return row !== undefined;
}

/** Records that the reminder counts the event's messages. Fails on the primary key when the event is counted already. */
export async function markEventCounted(
  tx: Executor<HandoverTables>,
  eventId: string,
  reminderId: string,
): Promise<void> {
  const row = { tenant: currentTenant(), event_id: eventId, reminder_id: reminderId };
  await tx.insertInto('reminder_counted_events').values(row).execute();
}

/** A page of reminders, newest first. */
export async function readReminderPage(
  db: Database,
  filter: { sessionId: string; state: ReminderState },
  limit: number,
  after: ListCursor | undefined,
): Promise<ListPage<Reminder>> {
  const state = filter.state ? enumToText(ReminderState, filter.state) : '';
  const filters = [
    { column: 'session_id', value: filter.sessionId, index: 'reminders_session' },
    { column: 'listed_state', value: state, index: 'reminders_listed_state' },
  ];
  const query = filterByIndex<ReminderRow>(db, 'reminders', filters, 'reminders_age');
  const rows = await paginate(query, { id: 'reminder_id', direction: 'desc' }, limit, after).execute();
  return toListPage(rows, limit, (row) => row.reminder_id, toReminder);
}

/** The reminder of a row, with a text for its current count. */
export function toReminder(row: ReminderRow): Reminder {
  const reminder = create(ReminderSchema, {
    reminderId: row.reminder_id,
    sessionId: row.session_id,
    sessionName: row.session_name,
    accountId: row.account_id,
    shopName: row.shop_name,
    kind: enumFromText(ReminderKind, row.kind),
    ownerEpoch: row.owner_epoch,
    state: row.acknowledged_at === null ? enumFromText(ReminderState, row.state) : ReminderState.ACKNOWLEDGED,
    severity: enumFromText(Severity, row.severity),
    count: row.count,
    createdAt: timestampFromMs(parseSqlTime(row.created_at)),
    attempts: row.attempts,
    lastError: row.last_error,
    acknowledgedAt: row.acknowledged_at === null ? undefined : timestampFromMs(parseSqlTime(row.acknowledged_at)),
    acknowledgedBy: row.acknowledged_by ?? '',
  });
  if (row.state === 'delivered' && row.settled_at) reminder.deliveredAt = timestampFromMs(parseSqlTime(row.settled_at));
  reminder.text = reminderText(reminder);
  return reminder;
}
