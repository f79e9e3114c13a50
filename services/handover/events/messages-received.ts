import type { Event } from '../../../gen/autosession/event/v1/event_pb.js';
import type { Executor } from '../../lib/db/database.ts';
import type { HandoverDeps } from '../deps.ts';
import type { Parties } from '../domain/parties.ts';
import { concernsHuman, minuteOf, placeMessages, reminderOfMessages } from '../domain/reminder.ts';
import { growReminder, isCounted, markCounted, messageReminders } from '../store/reminders.ts';
import type { HandoverTables } from '../store/tables.ts';
import { announce } from './announce.ts';
import { committed } from './committed.ts';
import { raise } from './raise.ts';
import { partiesOf, timeOf } from './read.ts';

/** New shop messages in a session that a human holds, or that is paused: at most one reminder a minute, with their count. */
export const onMessagesReceived =
  (deps: HandoverDeps) =>
  async (event: Event): Promise<void> => {
    if (event.payload.case !== 'messagesReceived') return;
    const { value } = event.payload;
    if (!concernsHuman(value)) return;
    const session = partiesOf(event, value.shopName);
    const at = timeOf(event);
    const counted = { epoch: value.ownerEpoch, count: value.shopCount, at };
    await committed(deps.db, 'handover.count-messages', async (tx) => {
      if (await isCounted(tx, event.eventId)) return;
      await markCounted(tx, event.eventId, await countIn(deps, tx, session, counted));
    });
  };

/** Counts the messages in the reminder where they belong, and returns its id. */
async function countIn(
  deps: HandoverDeps,
  tx: Executor<HandoverTables>,
  session: Parties,
  { epoch, count, at }: { epoch: number; count: number; at: number },
): Promise<string> {
  for (;;) {
    const place = placeMessages(at, await messageReminders(tx, session.sessionId, minuteOf(at)));
    if (!place.grow) {
      const reminder = await raise(deps, tx, session, reminderOfMessages(epoch, place.minute, count, at));
      // another consumer has added this minute's reminder since it was read: the next reading finds it
      if (!reminder) continue;
      await announce(deps, tx, session, { reminder });
      return reminder.reminderId;
    }
    // It may have gone out since it was read; the next reading then places the messages behind it.
    if (await growReminder(tx, place.grow, count)) return place.grow;
  }
}
