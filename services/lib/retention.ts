import type { EventLog } from './bus/event-log.ts';
import type { Clock } from './clock.ts';
import type { Database } from './db/database.ts';
import { deleteOlder } from './db/delete-older.ts';
import type { Retention } from './db/migrate.ts';
import { kernelMigrations } from './kernel-migrations.ts';
import type { Logger } from './log.ts';
import { startLeaderLoop } from './loop.ts';
import { EVENT_HOURS } from './outbox/event-hours.ts';
import { LogGenerations } from './outbox/log-generations.ts';

const HOUR_MS = 3_600_000;
const tables = kernelMigrations.flatMap((owner) => Object.entries<Retention>(owner.tables));
/** What is removed when it is so old, by an indexed time column. */
const aged = tables.flatMap(([table, rule]) => ('hours' in rule ? [{ table, ...rule }] : []));

export interface RetentionOptions {
  readonly db: Database;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The pause between two sweeps. */
  readonly everyMs: number;
}

/** Removes what the kernel's own tables and the event log need not keep, in one process at a time. Services remove their rows. */
export function startRetention({ db, log, clock, logger, everyMs }: RetentionOptions): AsyncDisposable {
  return startLeaderLoop(db, 'retention', {
    name: 'retention',
    everyMs,
    logger,
    async run(signal) {
      await new LogGenerations(db).forget(clock.now() - EVENT_HOURS * HOUR_MS);
      for (const { table, column, hours } of aged) {
        if (signal.aborted) return undefined;
        const count = await deleteOlder(db, { table, column, before: clock.now() - hours * HOUR_MS }, signal);
        if (count > 0) logger.info({ event: 'expired', table, count }, `removed ${count} old rows of ${table}`);
      }
      await log.trim(clock.now() - EVENT_HOURS * HOUR_MS);
      return undefined;
    },
  });
}
