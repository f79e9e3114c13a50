import type { ReminderChannel } from '../channels/channel.ts';
import type { HandoverDeps } from '../deps.ts';
import { ConcurrentWorker } from './concurrent-worker.ts';
import { RateLimitedWorker } from './rate-limited-worker.ts';

/** The deliveries of one channel. Lanes do not wait for each other. */
export interface DeliveryWorker {
  /** Tries what is due, a few at a time; true when there may be more. Throws what the database did. */
  run(signal: AbortSignal): Promise<boolean>;
}

/** The lane that suits the channel. */
export function createDeliveryWorker(deps: HandoverDeps, channel: ReminderChannel): DeliveryWorker {
  return channel.rateLimit
    ? new RateLimitedWorker(deps, channel, channel.rateLimit)
    : new ConcurrentWorker(deps, channel);
}
