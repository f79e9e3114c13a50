import { type Loop, startLeaderLoop } from '../../lib/runtime/loop.ts';
import { purgeAudit } from '../audit/purge-audit.ts';
import { withTenantOf } from '../delivery/delivery-attempts.ts';
import type { HandoverDeps } from '../deps.ts';
import { recordDeliveryOutcome } from '../store/delivery-outcomes.ts';
import { orphanedDeliveries, purgeCompletedReminders, purgeEndedHandovers } from '../store/purge.ts';

const PURGE_BATCH_SIZE = 200;
const DAY_MS = 86_400_000;
/** Events can be delivered again for 72 h: a reminder has to stay that long, so that a repeat finds it. */
const MIN_RETENTION_DAYS = 4;

/** Starts the loop that removes rows past their retention. */
export function startHandoverPurge(deps: HandoverDeps): Loop {
  const name = 'handover-sweep';
  const intervalMs = deps.config.cleanupIntervalSeconds * 1_000;
  return startLeaderLoop(deps.db, name, { name, intervalMs, logger: deps.logger, run: () => runHandoverPurge(deps) });
}

/**
 * One round: fails deliveries on channels that were removed from the configuration a day ago, and removes handovers and
 * reminders past their retention, and entries of the audit past theirs. True when there is more.
 */
export async function runHandoverPurge(deps: HandoverDeps): Promise<boolean> {
  const { db, clock, config } = deps;
  const orphans = await failOrphanedDeliveries(deps);
  const hasMoreAudit = await purgeAudit(deps);
  if (config.retentionDays === 0) return orphans === PURGE_BATCH_SIZE || hasMoreAudit;
  const before = clock.now() - Math.max(config.retentionDays, MIN_RETENTION_DAYS) * DAY_MS;
  const handovers = await purgeEndedHandovers(db, before, PURGE_BATCH_SIZE);
  const reminders = await purgeCompletedReminders(db, before, PURGE_BATCH_SIZE);
  return [orphans, handovers, reminders].includes(PURGE_BATCH_SIZE) || hasMoreAudit;
}

async function failOrphanedDeliveries({ db, clock, channels }: HandoverDeps): Promise<number> {
  const names = channels.map((channel) => channel.name);
  const orphans = await orphanedDeliveries(db, names, clock.now() - DAY_MS, PURGE_BATCH_SIZE);
  const failed = { state: 'failed', error: 'the channel is not configured any more', refused: false } as const;
  for (const delivery of orphans) {
    const outcome = delivery.state === 'accepted' ? ({ state: 'delivered' } as const) : failed;
    await withTenantOf(delivery, () => recordDeliveryOutcome(db, delivery, outcome, clock.now()));
  }
  return orphans.length;
}
