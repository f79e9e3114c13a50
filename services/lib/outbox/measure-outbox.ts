import type { Clock } from '../clock.ts';
import type { Database } from '../db/database.ts';
import { msOf } from '../db/time.ts';
import type { Metrics } from '../metrics.ts';
import { RecentValue } from '../recent-value.ts';
import type { OutboxTables } from './outbox.ts';

/** How long a measurement is reused. */
const FRESH_MS = 2_000;
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
  const recent = new RecentValue(FRESH_MS, () => backlog(db));
  metrics.outboxDepth.measureBy(async () => [{ value: (await recent.get()).depth }]);
  metrics.outboxAgeSeconds.measureBy(async () => {
    const { oldestAt } = await recent.get();
    return [{ value: oldestAt === undefined ? 0 : Math.max(0, clock.now() - oldestAt) / 1_000 }];
  });
}

async function backlog(db: Database): Promise<{ depth: number; oldestAt: number | undefined }> {
  const waiting = db.of<OutboxTables>().selectFrom('outbox').where('published_at', 'is', null).orderBy('position');
  const { depth } = await db
    .of<OutboxTables>()
    .selectFrom(waiting.select('position').limit(MAX_COUNT).as('waiting'))
    .select((eb) => eb.fn.countAll().as('depth'))
    .executeTakeFirstOrThrow();
  const oldest = await waiting.select('created_at').limit(1).executeTakeFirst();
  return { depth: Number(depth), oldestAt: oldest && msOf(oldest.created_at) };
}
