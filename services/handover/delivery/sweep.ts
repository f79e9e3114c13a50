import type { HandoverDeps } from '../deps.ts';
import { settleDelivery } from '../store/outcomes.ts';
import { orphanedDeliveries, removeEndedHandovers, removeSettledReminders } from '../store/retention.ts';
import { inTenantOf } from './trials.ts';

const BATCH = 200;
const DAY_MS = 86_400_000;
/** Events can come again for 72 h: a reminder has to stay that long, so that its repeat finds it. */
const SHORTEST_DAYS = 4;

/**
 * One round of what is done rarely: gives up deliveries on channels that were taken out of the configuration a day ago, and
 * removes handovers and reminders past their retention. The audit stays. True when there is more.
 */
export async function sweep(deps: HandoverDeps): Promise<boolean> {
  const { db, clock, config } = deps;
  const orphans = await giveUpOrphans(deps);
  if (config.retentionDays === 0) return orphans === BATCH;
  const before = clock.now() - Math.max(config.retentionDays, SHORTEST_DAYS) * DAY_MS;
  const handovers = await removeEndedHandovers(db, before, BATCH);
  const reminders = await removeSettledReminders(db, before, BATCH);
  return [orphans, handovers, reminders].includes(BATCH);
}

async function giveUpOrphans({ db, clock, channels }: HandoverDeps): Promise<number> {
  const names = channels.map((channel) => channel.name);
  const orphans = await orphanedDeliveries(db, names, clock.now() - DAY_MS, BATCH);
  const failed = { state: 'failed', error: 'the channel is not configured any more', refused: false } as const;
  for (const delivery of orphans) {
    const outcome = delivery.state === 'accepted' ? ({ state: 'delivered' } as const) : failed;
    await inTenantOf(delivery, () => settleDelivery(db, delivery, outcome, clock.now()));
  }
  return orphans.length;
}
