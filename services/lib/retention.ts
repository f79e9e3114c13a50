import type { EventLog } from './bus/event-log.ts';
import type { Clock } from './clock.ts';
import type { Database } from './db/database.ts';
import { deleteOlder } from './db/delete-older.ts';
import { IDEMPOTENCY_HOURS } from './idempotency.ts';
import type { Logger } from './log.ts';
import { startLeaderLoop } from './loop.ts';

const HOUR_MS = 3_600_000;
/** How long the log keeps events, and the outbox what it may have to publish again. */
const EVENT_HOURS = 72;
const PROGRESS_HOURS = 30 * 24;
/** Longer than what was seen of a session: a number that begins anew below it would be dropped as a repeat. */
const SEQUENCE_HOURS = 2 * PROGRESS_HOURS;

/** What is removed when it is so old, by an indexed time column. */
const kept = [
  { table: 'outbox', column: 'published_at', hours: EVENT_HOURS },
  { table: 'idempotency_key', column: 'created_at', hours: IDEMPOTENCY_HOURS },
  { table: 'consumer_progress', column: 'updated_at', hours: PROGRESS_HOURS },
  { table: 'event_sequence', column: 'updated_at', hours: SEQUENCE_HOURS },
];

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
      for (const { table, column, hours } of kept) {
        if (signal.aborted) return undefined;
        const count = await deleteOlder(db, { table, column, before: clock.now() - hours * HOUR_MS }, signal);
        if (count > 0) logger.info({ event: 'expired', table, count }, `removed ${count} old rows of ${table}`);
      }
      await log.trim(clock.now() - EVENT_HOURS * HOUR_MS);
      return undefined;
    },
  });
}
