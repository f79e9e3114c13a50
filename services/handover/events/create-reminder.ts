import type { Reminder } from '../../../gen/autosession/handover/v1/handover_pb.js';
import type { Executor } from '../../lib/db/sql-backend.ts';
import type { HandoverDeps } from '../deps.ts';
import type { ReminderFields } from '../domain/reminder.ts';
import type { SessionRef } from '../domain/session-ref.ts';
import { hasReminder, insertReminder } from '../store/reminders.ts';
import type { HandoverTables } from '../store/tables.ts';

/** Adds the reminder for every channel; undefined when it exists. */
export async function createReminder(
  { ids, channels }: Pick<HandoverDeps, 'ids' | 'channels'>,
  tx: Executor<HandoverTables>,
  session: SessionRef,
  fields: ReminderFields,
): Promise<Reminder | undefined> {
  if (await hasReminder(tx, session.sessionId, fields)) return undefined;
  const names = channels.map((channel) => channel.name);
  return insertReminder(tx, session, fields, ids.next('rem'), names);
}
