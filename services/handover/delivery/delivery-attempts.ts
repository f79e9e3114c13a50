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

/** A claim that outlives its process is due again after this long; longer than any try takes. */
export const CLAIM_TTL_MS = 30_000;
/** How many deliveries are caught up with at a time. */
const RECONCILE_BATCH_SIZE = 50;

/**
 * Writes down how the tries of one channel ended. The receiver's yes is noted by one statement right after it: a process that
 * ends before that statement is through says the reminders again, and nothing else does. A database that is away in that
 * moment is asked again before anything more is said; what the note means for the reminders is made up for later.
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

  /** The receiver has these, of the tenant of the context. */
  async markAccepted(deliveries: readonly DeliveryRow[]): Promise<void> {
    for (const delivery of deliveries) this.#unrecorded.add(delivery);
    await failpoint('reminders.before-note');
    await this.#recordAccepted(deliveries);
    await failpoint('reminders.after-note');
    for (const delivery of deliveries) await this.#recordOutcome(delivery, { state: 'delivered' });
  }

  /** The receiver has not taken it, or nobody knows. */
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

  /** Ends what an earlier round or another process has begun to write down. To be called before anything is said. */
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
