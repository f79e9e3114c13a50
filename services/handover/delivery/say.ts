import { DeliveryError, type ReminderChannel, type Together } from '../channels/channel.ts';

/** How saying something ended. `interrupted`: by the end of this process, so that it is nobody's failure. */
export type Said = 'taken' | 'interrupted' | DeliveryError;

/** Says the reminders on the channel. Never throws. */
export async function say(channel: ReminderChannel, reminders: Together, signal: AbortSignal): Promise<Said> {
  try {
    await channel.deliver(reminders, signal);
    return 'taken';
  } catch (error) {
    if (signal.aborted) return 'interrupted';
    return error instanceof DeliveryError ? error : new DeliveryError('the channel failed');
  }
}
