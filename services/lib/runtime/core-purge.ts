import type { Database } from '../db/database.ts';
import { deleteOlder } from '../db/delete-older.ts';
import type { Retention } from '../db/migrations/migrations.ts';
import type { EventLog } from '../messaging/bus/event-log.ts';
import { EVENT_RETENTION_HOURS } from '../messaging/outbox/event-retention.ts';
import { LogGenerationStore } from '../messaging/outbox/log-generation-store.ts';
import type { Logger } from '../observability/logger.ts';
import type { Clock } from './clock.ts';
import { coreMigrations } from './core-migrations.ts';
import { startLeaderLoop } from './loop.ts';

const HOUR_MS = 3_600_000;
const coreTables = coreMigrations.flatMap((owner) => Object.entries<Retention>(owner.tables));
/** What is removed when it is so old, by an indexed time column. */
const retentionRules = coreTables.flatMap(([table, rule]) => ('hours' in rule ? [{ table, ...rule }] : []));

export interface CorePurgeOptions {
  readonly db: Database;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The pause between two sweeps. */
  readonly intervalMs: number;
}

/** Removes expired rows of the tables of lib and old events, in one process at a time. Services remove their rows. */
export function startCorePurge({ db, log, clock, logger, intervalMs }: CorePurgeOptions): AsyncDisposable {
  return startLeaderLoop(db, 'retention', {
    name: 'retention',
    intervalMs,
    logger,
    async run(signal) {
      await new LogGenerationStore(db).saveForgotten(clock.now() - EVENT_RETENTION_HOURS * HOUR_MS);
      for (const { table, column, hours } of retentionRules) {
        if (signal.aborted) return undefined;
        const count = await deleteOlder(db, { table, column, before: clock.now() - hours * HOUR_MS }, signal);
        if (count > 0) logger.info({ event: 'expired', table, count }, `removed ${count} old rows of ${table}`);
      }
      await log.trim(clock.now() - EVENT_RETENTION_HOURS * HOUR_MS);
      return undefined;
    },
  });
}
