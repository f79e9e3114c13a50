import { type Loop, startLeaderLoop } from '../../lib/runtime/loop.ts';
import type { SessionDeps } from '../deps.ts';
import { purgeClosedSessions } from '../store/purge-closed-sessions.ts';

const BATCH = 500;
const DAY_MS = 24 * 3_600_000;

/** Removes sessions that were closed longer ago than the configured number of days; 0 keeps them for ever. */
export function startSessionPurge(deps: SessionDeps): Loop {
  const { retentionDays, cleanupIntervalSeconds } = deps.config;
  return startLeaderLoop(deps.db, 'session-retention', {
    name: 'session-retention',
    intervalMs: cleanupIntervalSeconds * 1_000,
    logger: deps.logger,
    run: async () => {
      if (retentionDays === 0) return false;
      const removed = await purgeClosedSessions(deps.db, deps.clock.now() - retentionDays * DAY_MS, BATCH);
      return removed === BATCH;
    },
  });
}
