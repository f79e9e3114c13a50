import { CachedValue } from '../../lib/cache/cached-value.ts';
import type { MessageDeps } from '../deps.ts';
import { lateChats, lateConversations } from '../store/late-analysis.ts';
import type { MessageTables } from '../store/tables.ts';

const MEASUREMENT_TTL_MS = 5_000;
/** The sweeps finish within seconds what an interrupted request has left. */
const LATE_AFTER_MS = 30_000;
const MAX_COUNT = 1_000;

/** Measures the sessions whose analysis is late. All processes of the service report the same numbers. */
export function measureLateAnalysis({ db, clock, metrics }: Pick<MessageDeps, 'db' | 'clock' | 'metrics'>): void {
  const recent = new CachedValue(MEASUREMENT_TTL_MS, async () => {
    const limits = { before: clock.now() - LATE_AFTER_MS, max: MAX_COUNT };
    const executor = db.autocommit<MessageTables>();
    return { shop: await lateConversations(executor, limits), chat: await lateChats(executor, limits) };
  });
  metrics.analysisLate.measureBy(async () =>
    Object.entries(await recent.get()).map(([kind, { count }]) => ({ labels: { kind }, value: count })),
  );
  metrics.analysisLateSeconds.measureBy(async () =>
    Object.entries(await recent.get()).map(([kind, { since }]) => {
      return { labels: { kind }, value: since === undefined ? 0 : Math.max(0, (clock.now() - since) / 1_000) };
    }),
  );
}
