import { DeliveryError, type ReminderBatch, type ReminderChannel } from '../channels/channel.ts';

/** The outcome of sending. `interrupted`: this process is stopping, which counts as no attempt. */
export type SendResult = 'taken' | 'interrupted' | DeliveryError;

/** Sends the reminders on the channel. Never throws. */
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
