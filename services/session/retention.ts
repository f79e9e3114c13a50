import { type Loop, startLeaderLoop } from '../lib/loop.ts';
import type { SessionDeps } from './deps.ts';
import { removeClosed } from './store/remove-closed.ts';

const BATCH = 500;
const DAY_MS = 24 * 3_600_000;

/** Removes sessions that were closed more than the configured days ago; never, when none are configured. */
export function startRetention(deps: SessionDeps): Loop {
  const { retentionDays, cleanupIntervalSeconds } = deps.config;
  return startLeaderLoop(deps.db, 'session-retention', {
    name: 'session-retention',
    everyMs: cleanupIntervalSeconds * 1_000,
    logger: deps.logger,
    run: async () => {
      if (retentionDays === 0) return false;
      const removed = await removeClosed(deps.db, deps.clock.now() - retentionDays * DAY_MS, BATCH);
      return removed === BATCH;
    },
  });
}
