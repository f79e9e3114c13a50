import type { Reminder } from '../../../gen/autosession/handover/v1/handover_pb.js';
import { DeliveryError, type Pace, type ReminderChannel, type Together } from '../channels/channel.ts';
import type { HandoverDeps } from '../deps.ts';
import { pauseAsked } from '../domain/retry.ts';
import { claimDelivery, giveBackDelivery, gravestDeliveries, letOut, peek } from '../store/deliveries.ts';
import { holdPlace, takePlace } from '../store/paces.ts';
import type { DeliveryRow } from '../store/tables.ts';
import type { Lane } from './lane.ts';
import { say } from './say.ts';
import { CLAIM_MS, inTenantOf, Trials } from './trials.ts';

/** A longer list is read by nobody. */
const MOST_TOGETHER = 50;

/**
 * The deliveries of a channel with a pace: one message at a time, each in a place that the processes share in the database,
 * so that neither a restart nor a second leader makes it faster. What waits goes together, the gravest and oldest first, as
 * much as fits; reminders of two tenants never do.
 *
 * At least once, and the receiver cannot dedupe: a process that ends between its yes and the note of it says the message
 * again. See Trials for how short that is.
 */
export class PacedLane implements Lane {
  readonly #deps: HandoverDeps;
  readonly #channel: ReminderChannel;
  readonly #pace: Pace;
  readonly #trials: Trials;
  /**
   * Reminders of messages that were refused for their words: they go by themselves, so that one does not hold up the others.
   * A process that does not know it learns it from one refusal more.
   */
  readonly #alone = new Set<string>();
  /**
   * The channel is blocked until then, as far as this process knows: the wake-ups of a burst need no query. By the monotonic
   * clock.
   */
  #freeAt = Number.NEGATIVE_INFINITY;

  constructor(deps: HandoverDeps, channel: ReminderChannel, pace: Pace) {
    this.#deps = deps;
    this.#channel = channel;
    this.#pace = pace;
    this.#trials = new Trials(deps, channel.name);
  }

  async run(signal: AbortSignal): Promise<boolean> {
    const { db, clock } = this.#deps;
    const { name } = this.#channel;
    const { intervalMs } = this.#pace;
    await this.#trials.catchUp();
    if (clock.monotonic() < this.#freeAt) return false;
    const now = clock.now();
    const due = await gravestDeliveries(db, name, now, MOST_TOGETHER);
    const [first] = due;
    if (!first || !(await takePlace(db, name, now, intervalMs))) return false;
    this.#freeAt = clock.monotonic() + intervalMs;
    await inTenantOf(first, () => this.#send(this.#company(first, due), signal));
    return !signal.aborted;
  }

  /** Who may go with the first one. */
  #company(first: DeliveryRow, due: readonly DeliveryRow[]): readonly DeliveryRow[] {
    if (this.#alone.has(first.reminder_id)) return [first];
    return due.filter(({ tenant, reminder_id }) => tenant === first.tenant && !this.#alone.has(reminder_id));
  }

  async #send(candidates: readonly DeliveryRow[], signal: AbortSignal): Promise<void> {
    const claimed = await this.#claim(await this.#whatFits(candidates));
    if (claimed.length === 0) return;
    const reminders = together(await letOut(this.#deps.db, idsOf(claimed), this.#deps.clock.now()));
    if (!reminders) return;
    const said = await say(this.#channel, reminders, signal);
    if (said === 'taken') await this.#taken(claimed);
    else if (said === 'interrupted') await this.#giveBack(claimed);
    else await this.#failed(claimed, said);
  }

  async #whatFits(candidates: readonly DeliveryRow[]): Promise<readonly DeliveryRow[]> {
    const reminders = together(await peek(this.#deps.db, idsOf(candidates)));
    return reminders ? candidates.slice(0, this.#pace.fits(reminders)) : [];
  }

  async #claim(deliveries: readonly DeliveryRow[]): Promise<DeliveryRow[]> {
    const { db, clock } = this.#deps;
    const claimed: DeliveryRow[] = [];
    for (const delivery of deliveries)
      if (await claimDelivery(db, delivery, clock.now(), CLAIM_MS)) claimed.push(delivery);
    return claimed;
  }

  async #taken(deliveries: readonly DeliveryRow[]): Promise<void> {
    await this.#trials.took(deliveries);
    for (const id of idsOf(deliveries)) this.#alone.delete(id);
  }

  async #giveBack(deliveries: readonly DeliveryRow[]): Promise<void> {
    const { db, clock } = this.#deps;
    for (const delivery of deliveries) await giveBackDelivery(db, delivery, clock.now());
  }

  async #failed(deliveries: readonly DeliveryRow[], error: DeliveryError): Promise<void> {
    const { db, clock } = this.#deps;
    const pause = pauseAsked(error);
    if (pause > 0) {
      await holdPlace(db, this.#channel.name, clock.now(), pause);
      this.#freeAt = clock.monotonic() + pause;
    }
    const several = error.ofContent && deliveries.length > 1;
    for (const id of idsOf(deliveries))
      if (several) this.#alone.add(id);
      else if (error.permanent) this.#alone.delete(id);
    // Of several nobody knows whose words it was: none of them is refused yet.
    const blame = several ? new DeliveryError(error.message, { ofContent: true }) : error;
    for (const delivery of deliveries) await this.#trials.failed(delivery, blame);
  }
}

function idsOf(deliveries: readonly DeliveryRow[]): string[] {
  return deliveries.map(({ reminder_id }) => reminder_id);
}

function together([first, ...others]: readonly Reminder[]): Together | undefined {
  return first && [first, ...others];
}
