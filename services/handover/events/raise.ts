import type { Reminder } from '../../../gen/autosession/handover/v1/handover_pb.js';
import type { Executor } from '../../lib/db/database.ts';
import type { HandoverDeps } from '../deps.ts';
import type { Parties } from '../domain/parties.ts';
import type { ReminderFacts } from '../domain/reminder.ts';
import { addReminder, hasReminder } from '../store/reminders.ts';
import type { HandoverTables } from '../store/tables.ts';

/** Adds the reminder for every channel; undefined when there is one of that name. */
export async function raise(
  { ids, channels }: Pick<HandoverDeps, 'ids' | 'channels'>,
  tx: Executor<HandoverTables>,
  session: Parties,
  facts: ReminderFacts,
): Promise<Reminder | undefined> {
  if (await hasReminder(tx, session.sessionId, facts)) return undefined;
  const names = channels.map((channel) => channel.name);
  return addReminder(tx, session, facts, ids.next('rem'), names);
}
