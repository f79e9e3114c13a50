import { failpoint } from '../../lib/runtime/failpoints.ts';
import type { ReminderChannel } from '../channels/channel.ts';
import type { HandoverDeps } from '../deps.ts';
import { requestedPauseMs } from '../domain/retry.ts';
import { claimDelivery, dueDeliveries, freezeReminders, releaseDelivery } from '../store/deliveries.ts';
import type { DeliveryRow } from '../store/tables.ts';
import { CLAIM_TTL_MS, DeliveryAttempts, withTenantOf } from './delivery-attempts.ts';
import type { DeliveryWorker } from './delivery-worker.ts';
import { sendReminders } from './send-reminders.ts';

/** The maximum number of concurrent deliveries of one channel. */
const CONCURRENCY = 8;

/**
 * Delivers on a channel without a rate limit, at least once: when a process ends after the receiver has accepted a reminder and
 * before that is recorded, the reminder is delivered again, under the same id.
 */
export class ConcurrentWorker implements DeliveryWorker {
  readonly #deps: HandoverDeps;
  readonly #channel: ReminderChannel;
  readonly #attempts: DeliveryAttempts;
  /** The receiver requested no deliveries until then, by the monotonic clock. */
  #pausedUntil = Number.NEGATIVE_INFINITY;

  constructor(deps: HandoverDeps, channel: ReminderChannel) {
    this.#deps = deps;
    this.#channel = channel;
    this.#attempts = new DeliveryAttempts(deps, channel.name);
  }

  /** Throws after all deliveries of the round have been attempted. */
  async run(signal: AbortSignal): Promise<boolean> {
    const { db, clock } = this.#deps;
    await this.#attempts.reconcile();
    if (clock.monotonic() < this.#pausedUntil) return false;
    const due = await dueDeliveries(db, this.#channel.name, 'pending', clock.now(), CONCURRENCY);
    const attempts = due.map((delivery) => withTenantOf(delivery, () => this.#attempt(delivery, signal)));
    const failure = (await Promise.allSettled(attempts)).find((result) => result.status === 'rejected');
    if (failure) throw failure.reason;
    return due.length === CONCURRENCY && !signal.aborted;
  }

  async #attempt(delivery: DeliveryRow, signal: AbortSignal): Promise<void> {
    const { db, clock } = this.#deps;
    if (!(await claimDelivery(db, delivery, clock.now(), CLAIM_TTL_MS))) return;
    await failpoint('reminders.after-claim');
    const [reminder] = await freezeReminders(db, [delivery.reminder_id], clock.now());
    if (!reminder) return;
    const result = await sendReminders(this.#channel, [reminder], signal);
    if (result === 'taken') return this.#attempts.markAccepted([delivery]);
    if (result === 'interrupted') return releaseDelivery(db, delivery, clock.now());
    this.#pausedUntil = Math.max(this.#pausedUntil, clock.monotonic() + requestedPauseMs(result));
    await this.#attempts.markFailed(delivery, result);
  }
}
