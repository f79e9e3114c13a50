import { type Loop, startLeaderLoop } from '../lib/loop.ts';
import type { TaskDeps } from './deps.ts';
import { removeFences, removeFinishedTasks, removeReceipts } from './store/sweeps.ts';

const BATCH = 500;
const DAY_MS = 86_400_000;

/** Removes finished tasks, receipts and fences of closed sessions that are older than the retention, batch by batch. */
export function startRetention(deps: TaskDeps): Loop {
  return startLeaderLoop(deps.db, 'task-retention', {
    name: 'task-retention',
    everyMs: deps.config.cleanupIntervalSeconds * 1_000,
    logger: deps.logger,
    run: () => removeOld(deps),
  });
}

/** Removes one batch of each; true when there may be more. Does nothing when everything is kept. */
export async function removeOld({ db, clock, config }: TaskDeps): Promise<boolean> {
  if (config.retentionDays === 0) return false;
  const before = clock.now() - config.retentionDays * DAY_MS;
  const tasks = await removeFinishedTasks(db.of(), before, BATCH);
  const receipts = await removeReceipts(db.of(), before, BATCH);
  const fences = await removeFences(db.of(), before, BATCH);
  return tasks === BATCH || receipts >= BATCH || fences === BATCH;
}
