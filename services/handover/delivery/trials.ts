import { inContext, systemContext } from '../../lib/context.ts';
import { failpoint } from '../../lib/failpoints.ts';
import { logChange } from '../../lib/log.ts';
import { backgroundRequestId } from '../../lib/loop.ts';
import { showZero } from '../../lib/metrics.ts';
import type { DeliveryError } from '../channels/channel.ts';
import type { HandoverDeps } from '../deps.ts';
import { retryIn } from '../domain/retry.ts';
import { acceptDeliveries, dueDeliveries } from '../store/deliveries.ts';
import { type Outcome, settleDelivery } from '../store/outcomes.ts';
import type { DeliveryRow } from '../store/tables.ts';

/** A claim that outlives its process is due again after this long; longer than any try takes. */
export const CLAIM_MS = 30_000;
/** How many deliveries are caught up with at a time. */
const BATCH = 50;

/**
 * Writes down how the tries of one channel ended. The receiver's yes is noted by one statement right after it: a process that
 * ends before that statement is through says the reminders again, and nothing else does. A database that is away in that
 * moment is asked again before anything more is said; what the note means for the reminders is made up for later.
 */
export class Trials {
  readonly #deps: HandoverDeps;
  readonly #channel: string;
  readonly #unnoted = new Set<DeliveryRow>();

  constructor(deps: HandoverDeps, channel: string) {
    this.#deps = deps;
    this.#channel = channel;
    showZero(
      deps.metrics.reminders,
      ['delivered', 'retried', 'failed'].map((outcome) => ({ channel, outcome })),
    );
  }

  /** The receiver has these, of the tenant of the context. */
  async took(deliveries: readonly DeliveryRow[]): Promise<void> {
    for (const delivery of deliveries) this.#unnoted.add(delivery);
    await failpoint('reminders.before-note');
    await this.#note(deliveries);
    await failpoint('reminders.after-note');
    for (const delivery of deliveries) await this.#settle(delivery, { state: 'delivered' });
  }

  /** The receiver has not taken it, or nobody knows. */
  async failed(delivery: DeliveryRow, error: DeliveryError): Promise<void> {
    const refused = error.permanent;
    const wait = retryIn(error, delivery.attempts + 1, delivery.refusals + Number(refused));
    const told = { error: error.message, refused };
    const nextTryAt = this.#deps.clock.now() + (wait ?? 0);
    await this.#settle(
      delivery,
      wait === undefined ? { state: 'failed', ...told } : { state: 'pending', ...told, nextTryAt },
    );
  }

  /** Ends what an earlier round or another process has begun to write down. To be called before anything is said. */
  async catchUp(): Promise<void> {
    const { db, clock } = this.#deps;
    for (const delivery of [...this.#unnoted]) await inTenantOf(delivery, () => this.#note([delivery]));
    for (const delivery of await dueDeliveries(db, this.#channel, 'accepted', clock.now(), BATCH))
      await inTenantOf(delivery, () => this.#settle(delivery, { state: 'delivered' }));
  }

  async #note(deliveries: readonly DeliveryRow[]): Promise<void> {
    const ids = deliveries.map(({ reminder_id }) => reminder_id);
    await acceptDeliveries(this.#deps.db, this.#channel, ids);
    for (const delivery of deliveries) this.#unnoted.delete(delivery);
  }

  async #settle(delivery: DeliveryRow, outcome: Outcome): Promise<void> {
    const { db, clock, metrics } = this.#deps;
    const session = await settleDelivery(db, delivery, outcome, clock.now());
    if (!session) return;
    const word = outcome.state === 'pending' ? 'retried' : outcome.state;
    metrics.reminders.inc({ channel: this.#channel, outcome: word });
    if (outcome.state !== 'delivered') this.#log(session, outcome);
  }

  #log(
    session: { session_id: string; session_name: string },
    { state, error }: { state: string; error: string },
  ): void {
    const reason = `${this.#channel}: ${error}`;
    logChange(this.#deps.logger, { event: 'reminder_not_delivered', ...session, reason, status: state });
  }
}

/** Runs background work in the context of the delivery's tenant. */
export function inTenantOf<T>({ tenant }: DeliveryRow, work: () => T): T {
  return inContext(systemContext(tenant, backgroundRequestId('reminder')), work);
}
