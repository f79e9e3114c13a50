import { DeliveryError, type ReminderBatch, type ReminderChannel } from '../channels/channel.ts';

/** How saying something ended. `interrupted`: by the end of this process, so that it is nobody's failure. */
export type SendResult = 'taken' | 'interrupted' | DeliveryError;

/** Says the reminders on the channel. Never throws. */
export async function sendReminders(
  channel: ReminderChannel,
  reminders: ReminderBatch,
  signal: AbortSignal,
): Promise<SendResult> {
  try {
    await channel.deliver(reminders, signal);
    return 'taken';
  } catch (error) {
    if (signal.aborted) return 'interrupted';
    return error instanceof DeliveryError ? error : new DeliveryError('the channel failed');
  }
}
