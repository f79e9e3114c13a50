import { inContext, systemContext } from '../../lib/context.ts';
import { logChange } from '../../lib/log.ts';
import { backgroundRequestId } from '../../lib/loop.ts';
import { DeliveryError, type ReminderChannel } from '../channels/channel.ts';
import type { HandoverDeps } from '../deps.ts';
import { pauseAsked, retryIn } from '../domain/retry.ts';
import {
  claimDelivery,
  dueDeliveries,
  giveBackDelivery,
  letOut,
  type Outcome,
  settleDelivery,
} from '../store/deliveries.ts';
import type { DeliveryRow } from '../store/tables.ts';

/** How many deliveries of one channel are under way at a time. */
const CONCURRENCY = 8;
/** A claim that outlives its process is due again after this long; longer than any try takes. */
const CLAIM_MS = 30_000;

/**
 * The deliveries of one channel; a slow or silent receiver holds up nobody else's. At least once: a process that ends
 * between the receiver's yes and the note of it delivers again, under the same id.
 */
export class DeliveryLane {
  readonly #deps: HandoverDeps;
  readonly #channel: ReminderChannel;
  /** Until then the receiver asked to be left alone, in epoch milliseconds. */
  #quietUntil = 0;

  constructor(deps: HandoverDeps, channel: ReminderChannel) {
    this.#deps = deps;
    this.#channel = channel;
  }

  /** Tries what is due, a few at a time; true when there may be more. Throws, after all of them, what the database did. */
  async run(signal: AbortSignal): Promise<boolean> {
    const { db, clock } = this.#deps;
    const now = clock.now();
    if (now < this.#quietUntil) return false;
    const due = await dueDeliveries(db, this.#channel.name, now, CONCURRENCY);
    const tries = due.map((delivery) =>
      inContext(systemContext(delivery.tenant, backgroundRequestId('reminder')), () => this.#try(delivery, signal)),
    );
    const failure = (await Promise.allSettled(tries)).find((result) => result.status === 'rejected');
    if (failure) throw failure.reason;
    return due.length === CONCURRENCY && !signal.aborted;
  }

  async #try(delivery: DeliveryRow, signal: AbortSignal): Promise<void> {
    const { db, clock } = this.#deps;
    if (!(await claimDelivery(db, delivery, clock.now() + CLAIM_MS))) return;
    const reminder = await letOut(db, delivery.reminder_id, clock.now());
    if (!reminder) return;
    const outcome = await this.#channel.deliver(reminder, signal).then(
      (): Outcome => ({ state: 'delivered' }),
      (error) => (signal.aborted ? undefined : this.#afterFailure(delivery, error)),
    );
    if (!outcome) return giveBackDelivery(db, delivery, clock.now());
    await settleDelivery(db, delivery, outcome, clock.now());
    this.#report(reminder, outcome);
  }

  #afterFailure(delivery: DeliveryRow, thrown: unknown): Outcome {
    const error = thrown instanceof DeliveryError ? thrown : new DeliveryError('the channel failed');
    const refused = error.permanent;
    const wait = retryIn(error, delivery.attempts + 1, delivery.refusals + Number(refused));
    if (wait === undefined) return { state: 'failed', error: error.message, refused };
    const now = this.#deps.clock.now();
    this.#quietUntil = Math.max(this.#quietUntil, now + pauseAsked(error));
    return { state: 'pending', error: error.message, refused, nextTryAt: now + wait };
  }

  #report({ sessionId, sessionName }: { sessionId: string; sessionName: string }, outcome: Outcome): void {
    const { metrics, logger } = this.#deps;
    const channel = this.#channel.name;
    metrics.reminders.inc({ channel, outcome: outcome.state === 'pending' ? 'retried' : outcome.state });
    if (outcome.state === 'delivered') return;
    logChange(logger, {
      event: 'reminder_not_delivered',
      session_id: sessionId,
      session_name: sessionName,
      reason: `${channel}: ${outcome.error}`,
      status: outcome.state,
    });
  }
}
