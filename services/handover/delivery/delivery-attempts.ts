import { logStateChange } from '../../lib/observability/logger.ts';
import { initializeCounter } from '../../lib/observability/metrics.ts';
import { failpoint } from '../../lib/runtime/failpoints.ts';
import { backgroundRequestId } from '../../lib/runtime/loop.ts';
import { runInBackgroundContext, systemContext } from '../../lib/runtime/request-context.ts';
import type { DeliveryError } from '../channels/channel.ts';
import type { HandoverDeps } from '../deps.ts';
import { retryDelayMs } from '../domain/retry.ts';
import { dueDeliveries, markDeliveriesAccepted } from '../store/deliveries.ts';
import { type DeliveryOutcome, recordDeliveryOutcome } from '../store/delivery-outcomes.ts';
import type { DeliveryRow } from '../store/tables.ts';

/** A claimed delivery is due again after this time, if its process has ended; longer than any attempt takes. */
export const CLAIM_TTL_MS = 30_000;
/** The maximum number of deliveries that are reconciled at a time. */
const RECONCILE_BATCH_SIZE = 50;

/**
 * Records the outcome of the attempts on one channel. That the receiver has accepted reminders is recorded by one statement
 * right after it: only when the process ends before that statement are they sent again. If the database is unavailable at
 * that moment, the statement is repeated before anything else is sent; the state of the reminders follows later.
 */
export class DeliveryAttempts {
  readonly #deps: HandoverDeps;
  readonly #channel: string;
  readonly #unrecorded = new Set<DeliveryRow>();

  constructor(deps: HandoverDeps, channel: string) {
    this.#deps = deps;
    this.#channel = channel;
    initializeCounter(
      deps.metrics.reminders,
      ['delivered', 'retried', 'failed'].map((outcome) => ({ channel, outcome })),
    );
  }

  /** Records that the receiver has accepted the reminders, all of the tenant of the context. */
  async markAccepted(deliveries: readonly DeliveryRow[]): Promise<void> {
    for (const delivery of deliveries) this.#unrecorded.add(delivery);
    await failpoint('reminders.before-note');
    await this.#recordAccepted(deliveries);
    await failpoint('reminders.after-note');
    for (const delivery of deliveries) await this.#recordOutcome(delivery, { state: 'delivered' });
  }

  /** Records that the receiver has not accepted the reminder, or that the outcome is unknown. */
  async markFailed(delivery: DeliveryRow, error: DeliveryError): Promise<void> {
    const refused = error.permanent;
    const delayMs = retryDelayMs(error, delivery.attempts + 1, delivery.refusals + Number(refused));
    const failure = { error: error.message, refused };
    const nextTryAt = this.#deps.clock.now() + (delayMs ?? 0);
    await this.#recordOutcome(
      delivery,
      delayMs === undefined ? { state: 'failed', ...failure } : { state: 'pending', ...failure, nextTryAt },
    );
  }

  /** Completes records that an earlier round or another process has begun. Call it before anything is sent. */
  async reconcile(): Promise<void> {
    const { db, clock } = this.#deps;
    for (const delivery of [...this.#unrecorded]) await withTenantOf(delivery, () => this.#recordAccepted([delivery]));
    for (const delivery of await dueDeliveries(db, this.#channel, 'accepted', clock.now(), RECONCILE_BATCH_SIZE))
      await withTenantOf(delivery, () => this.#recordOutcome(delivery, { state: 'delivered' }));
  }

  async #recordAccepted(deliveries: readonly DeliveryRow[]): Promise<void> {
    const ids = deliveries.map(({ reminder_id }) => reminder_id);
    await markDeliveriesAccepted(this.#deps.db, this.#channel, ids);
    for (const delivery of deliveries) this.#unrecorded.delete(delivery);
  }

  async #recordOutcome(delivery: DeliveryRow, outcome: DeliveryOutcome): Promise<void> {
    const { db, clock, metrics } = this.#deps;
    const session = await recordDeliveryOutcome(db, delivery, outcome, clock.now());
    if (!session) return;
    const outcomeLabel = outcome.state === 'pending' ? 'retried' : outcome.state;
    metrics.reminders.inc({ channel: this.#channel, outcome: outcomeLabel });
    if (outcome.state !== 'delivered') this.#logNotDelivered(session, outcome);
  }

  #logNotDelivered(
    session: { session_id: string; session_name: string },
    { state, error }: { state: string; error: string },
  ): void {
    const reason = `${this.#channel}: ${error}`;
    logStateChange(this.#deps.logger, { event: 'reminder_not_delivered', ...session, reason, status: state });
  }
}

/** Runs background work in the context of the delivery's tenant. */
export function withTenantOf<T>({ tenant }: DeliveryRow, work: () => T): T {
  return runInBackgroundContext(systemContext(tenant, backgroundRequestId('reminder')), work);
}
