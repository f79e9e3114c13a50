import type { Reminder } from '../../../gen/autosession/handover/v1/handover_pb.js';
import { failpoint } from '../../lib/runtime/failpoints.ts';
import { DeliveryError, type RateLimit, type ReminderBatch, type ReminderChannel } from '../channels/channel.ts';
import type { HandoverDeps } from '../deps.ts';
import { requestedPauseMs } from '../domain/retry.ts';
import {
  claimDelivery,
  freezeReminders,
  mostSevereDeliveries,
  readReminders,
  releaseDelivery,
} from '../store/deliveries.ts';
import { acquireSendSlot, blockChannel } from '../store/rate-limits.ts';
import type { DeliveryRow } from '../store/tables.ts';
import { CLAIM_TTL_MS, DeliveryAttempts, withTenantOf } from './delivery-attempts.ts';
import type { DeliveryWorker } from './delivery-worker.ts';
import { sendReminders } from './send-reminders.ts';

/** People do not read longer lists. */
const MAX_BATCH_SIZE = 50;

/**
 * Delivers on a channel with a rate limit: one message at a time, each in a send slot that the processes share in the
 * database, so that neither a restart nor a second leader exceeds the limit. Waiting reminders go in one message, as many as
 * fit, the most severe and of these the oldest first; reminders of two tenants never share a message.
 *
 * At least once, and the receiver cannot deduplicate: when a process ends after the receiver has accepted a message and before
 * that is recorded, the message is sent again. DeliveryAttempts keeps that interval to one statement.
 */
export class RateLimitedWorker implements DeliveryWorker {
  readonly #deps: HandoverDeps;
  readonly #channel: ReminderChannel;
  readonly #rateLimit: RateLimit;
  readonly #attempts: DeliveryAttempts;
  /**
   * Reminders of messages that were rejected for their content: each is sent by itself, so that one does not block the others.
   * A process that does not know them learns of them by one more rejection.
   */
  readonly #sendSeparately = new Set<string>();
  /**
   * Until when the channel is blocked, as far as this process knows, by the monotonic clock: the triggers of a burst cause no
   * query.
   */
  #blockedUntil = Number.NEGATIVE_INFINITY;

  constructor(deps: HandoverDeps, channel: ReminderChannel, rateLimit: RateLimit) {
    this.#deps = deps;
    this.#channel = channel;
    this.#rateLimit = rateLimit;
    this.#attempts = new DeliveryAttempts(deps, channel.name);
  }

  async run(signal: AbortSignal): Promise<boolean> {
    const { db, clock } = this.#deps;
    const { name } = this.#channel;
    const { intervalMs } = this.#rateLimit;
    await this.#attempts.reconcile();
    if (clock.monotonic() < this.#blockedUntil) return false;
    const now = clock.now();
    const due = await mostSevereDeliveries(db, name, now, MAX_BATCH_SIZE);
    const [first] = due;
    if (!first || !(await acquireSendSlot(db, name, now, intervalMs))) return false;
    this.#blockedUntil = clock.monotonic() + intervalMs;
    await withTenantOf(first, () => this.#send(this.#batchFor(first, due), signal));
    return !signal.aborted;
  }

  /** The deliveries that may share a message with the first one. */
  #batchFor(first: DeliveryRow, due: readonly DeliveryRow[]): readonly DeliveryRow[] {
    if (this.#sendSeparately.has(first.reminder_id)) return [first];
    return due.filter(({ tenant, reminder_id }) => tenant === first.tenant && !this.#sendSeparately.has(reminder_id));
  }

  async #send(candidates: readonly DeliveryRow[], signal: AbortSignal): Promise<void> {
    const reserved = await this.#claim(await this.#limitToBatchSize(candidates));
    if (reserved.length === 0) return;
    await failpoint('reminders.after-claim');
    const reminders = toBatch(await freezeReminders(this.#deps.db, idsOf(reserved), this.#deps.clock.now()));
    if (!reminders) return;
    const claimed = reserved.filter(({ reminder_id }) =>
      reminders.some(({ reminderId }) => reminderId === reminder_id),
    );
    const result = await sendReminders(this.#channel, reminders, signal);
    if (result === 'taken') await this.#markAccepted(claimed);
    else if (result === 'interrupted') await this.#release(claimed);
    else await this.#markFailed(claimed, result);
  }

  async #limitToBatchSize(candidates: readonly DeliveryRow[]): Promise<readonly DeliveryRow[]> {
    const reminders = toBatch(await readReminders(this.#deps.db, idsOf(candidates)));
    return reminders ? candidates.slice(0, this.#rateLimit.batchSize(reminders)) : [];
  }

  async #claim(deliveries: readonly DeliveryRow[]): Promise<DeliveryRow[]> {
    const { db, clock } = this.#deps;
    const claimed: DeliveryRow[] = [];
    for (const delivery of deliveries)
      if (await claimDelivery(db, delivery, clock.now(), CLAIM_TTL_MS)) claimed.push(delivery);
    return claimed;
  }

  async #markAccepted(deliveries: readonly DeliveryRow[]): Promise<void> {
    await this.#attempts.markAccepted(deliveries);
    for (const id of idsOf(deliveries)) this.#sendSeparately.delete(id);
  }

  async #release(deliveries: readonly DeliveryRow[]): Promise<void> {
    const { db, clock } = this.#deps;
    for (const delivery of deliveries) await releaseDelivery(db, delivery, clock.now());
  }

  async #markFailed(deliveries: readonly DeliveryRow[], error: DeliveryError): Promise<void> {
    const { db, clock } = this.#deps;
    const pause = requestedPauseMs(error);
    if (pause > 0) {
      await blockChannel(db, this.#channel.name, clock.now(), pause);
      this.#blockedUntil = clock.monotonic() + pause;
    }
    const isBatchRejection = error.ofContent && deliveries.length > 1;
    for (const id of idsOf(deliveries))
      if (isBatchRejection) this.#sendSeparately.add(id);
      else if (error.permanent) this.#sendSeparately.delete(id);
    // Which of several reminders caused the rejection is unknown: none of them counts as refused yet.
    const attributedError = isBatchRejection ? new DeliveryError(error.message, { ofContent: true }) : error;
    for (const delivery of deliveries) await this.#attempts.markFailed(delivery, attributedError);
  }
}

function idsOf(deliveries: readonly DeliveryRow[]): string[] {
  return deliveries.map(({ reminder_id }) => reminder_id);
}

function toBatch([first, ...others]: readonly Reminder[]): ReminderBatch | undefined {
  return first && [first, ...others];
}
