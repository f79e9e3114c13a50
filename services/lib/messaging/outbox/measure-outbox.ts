import { CachedValue } from '../../cache/cached-value.ts';
import type { Database } from '../../db/database.ts';
import { parseSqlTime } from '../../db/sql-time.ts';
import type { Metrics } from '../../observability/metrics.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { OutboxTables } from './outbox-tables.ts';

/** How long a measurement is reused. */
const MEASUREMENT_TTL_MS = 2_000;
/** The most rows that are counted: a larger number would not help an operator. */
const MAX_COUNT = 100_000;

/**
 * Measures how many rows of the outbox wait, and the age of the oldest. Every process with the database measures this when its
 * metrics are requested, so it is available even when no process publishes.
 */
export function measureOutbox({
  db,
  clock,
  metrics,
}: {
  readonly db: Database;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, 'outboxDepth' | 'outboxAgeSeconds'>;
}): void {
  const recent = new CachedValue(MEASUREMENT_TTL_MS, () => backlog(db));
  metrics.outboxDepth.measureBy(async () => [{ value: (await recent.get()).depth }]);
  metrics.outboxAgeSeconds.measureBy(async () => {
    const { oldestAt } = await recent.get();
    return [{ value: oldestAt === undefined ? 0 : Math.max(0, clock.now() - oldestAt) / 1_000 }];
  });
}

async function backlog(db: Database): Promise<{ depth: number; oldestAt: number | undefined }> {
  const waiting = db
    .autocommit<OutboxTables>()
    .selectFrom('outbox')
    .where('published_at', 'is', null)
    .orderBy('position');
  const { depth } = await db
    .autocommit<OutboxTables>()
    .selectFrom(waiting.select('position').limit(MAX_COUNT).as('waiting'))
    .select((eb) => eb.fn.countAll().as('depth'))
    .executeTakeFirstOrThrow();
  const oldest = await waiting.select('created_at').limit(1).executeTakeFirst();
  return { depth: Number(depth), oldestAt: oldest && parseSqlTime(oldest.created_at) };
}
