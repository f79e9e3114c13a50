import type { ReminderChannel } from '../channels/channel.ts';
import type { HandoverDeps } from '../deps.ts';
import { pauseAsked } from '../domain/retry.ts';
import { claimDelivery, dueDeliveries, giveBackDelivery, letOut } from '../store/deliveries.ts';
import type { DeliveryRow } from '../store/tables.ts';
import type { Lane } from './lane.ts';
import { say } from './say.ts';
import { CLAIM_MS, inTenantOf, Trials } from './trials.ts';

/** How many deliveries of one channel are under way at a time. */
const CONCURRENCY = 8;

/**
 * The deliveries of a channel without a pace. At least once: a process that ends between the receiver's yes and the note of
 * it delivers again, under the same id.
 */
export class OneByOneLane implements Lane {
  readonly #deps: HandoverDeps;
  readonly #channel: ReminderChannel;
  readonly #trials: Trials;
  /** The receiver requested no deliveries until then, by the monotonic clock. */
  #quietUntil = Number.NEGATIVE_INFINITY;

  constructor(deps: HandoverDeps, channel: ReminderChannel) {
    this.#deps = deps;
    this.#channel = channel;
    this.#trials = new Trials(deps, channel.name);
  }

  /** Throws after all tries of the round are through. */
  async run(signal: AbortSignal): Promise<boolean> {
    const { db, clock } = this.#deps;
    await this.#trials.catchUp();
    if (clock.monotonic() < this.#quietUntil) return false;
    const due = await dueDeliveries(db, this.#channel.name, 'pending', clock.now(), CONCURRENCY);
    const tries = due.map((delivery) => inTenantOf(delivery, () => this.#try(delivery, signal)));
    const failure = (await Promise.allSettled(tries)).find((result) => result.status === 'rejected');
    if (failure) throw failure.reason;
    return due.length === CONCURRENCY && !signal.aborted;
  }

  async #try(delivery: DeliveryRow, signal: AbortSignal): Promise<void> {
    const { db, clock } = this.#deps;
    if (!(await claimDelivery(db, delivery, clock.now(), CLAIM_MS))) return;
    const [reminder] = await letOut(db, [delivery.reminder_id], clock.now());
    if (!reminder) return;
    const said = await say(this.#channel, [reminder], signal);
    if (said === 'taken') return this.#trials.took([delivery]);
    if (said === 'interrupted') return giveBackDelivery(db, delivery, clock.now());
    this.#quietUntil = Math.max(this.#quietUntil, clock.monotonic() + pauseAsked(said));
    await this.#trials.failed(delivery, said);
  }
}
