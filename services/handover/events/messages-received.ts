import type { Event } from '../../../gen/autosession/event/v1/event_pb.js';
import type { Executor } from '../../lib/db/sql-backend.ts';
import type { HandoverDeps } from '../deps.ts';
import { chooseReminderMinute, minuteOf, needsHuman, reminderForMessages } from '../domain/reminder.ts';
import type { SessionRef } from '../domain/session-ref.ts';
import { incrementReminderCount, isEventCounted, markEventCounted, messageReminders } from '../store/reminders.ts';
import { retryTransaction } from '../store/retry-transaction.ts';
import type { HandoverTables } from '../store/tables.ts';
import { createReminder } from './create-reminder.ts';
import { emitHandoverEvents } from './emit-events.ts';
import { occurredAtMs, sessionRefOf } from './event-fields.ts';

/** New shop messages in a session that a human holds, or that is paused: at most one reminder a minute, with their count. */
export const countMessagesReceived =
  (deps: HandoverDeps) =>
  async (event: Event): Promise<void> => {
    if (event.payload.case !== 'messagesReceived') return;
    const { value } = event.payload;
    if (!needsHuman(value)) return;
    const session = sessionRefOf(event, value.shopName);
    const at = occurredAtMs(event);
    const messageCount = { epoch: value.ownerEpoch, count: value.shopCount, at };
    await retryTransaction(deps.db, 'handover.count-messages', async (tx) => {
      if (await isEventCounted(tx, event.eventId)) return;
      await markEventCounted(tx, event.eventId, await addToReminder(deps, tx, session, messageCount));
    });
  };

/** Counts the messages in their reminder, and returns its id. */
async function addToReminder(
  deps: HandoverDeps,
  tx: Executor<HandoverTables>,
  session: SessionRef,
  { epoch, count, at }: { epoch: number; count: number; at: number },
): Promise<string> {
  for (;;) {
    const target = chooseReminderMinute(at, await messageReminders(tx, session.sessionId, minuteOf(at)));
    if (!target.grow) {
      const reminder = await createReminder(deps, tx, session, reminderForMessages(epoch, target.minute, count, at));
      // another consumer has added this minute's reminder since it was read: the next attempt finds it
      if (!reminder) continue;
      await emitHandoverEvents(deps, tx, session, { reminder });
      return reminder.reminderId;
    }
    // it may have gone out since it was read: the next attempt then counts the messages in a later one
    if (await incrementReminderCount(tx, target.grow, count)) return target.grow;
  }
}
