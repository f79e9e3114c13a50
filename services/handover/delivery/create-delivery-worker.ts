import type { ReminderChannel } from '../channels/channel.ts';
import type { HandoverDeps } from '../deps.ts';
import { ConcurrentWorker } from './concurrent-worker.ts';
import type { DeliveryWorker } from './delivery-worker.ts';
import { RateLimitedWorker } from './rate-limited-worker.ts';

/** The worker for the channel: one that keeps to its rate limit, if it has one. */
export function createDeliveryWorker(deps: HandoverDeps, channel: ReminderChannel): DeliveryWorker {
  return channel.rateLimit
    ? new RateLimitedWorker(deps, channel, channel.rateLimit)
    : new ConcurrentWorker(deps, channel);
}
