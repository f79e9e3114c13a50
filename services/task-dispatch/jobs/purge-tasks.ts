import { type Loop, startLeaderLoop } from '../../lib/runtime/loop.ts';
import type { TaskDeps } from '../deps.ts';
import { removeFences, removeFinishedTasks, removeReceipts } from '../store/sweeps.ts';

const BATCH = 500;
const DAY_MS = 86_400_000;

/** Removes finished tasks, receipts and fences of closed sessions that are older than the retention, batch by batch. */
export function startTaskPurge(deps: TaskDeps): Loop {
  return startLeaderLoop(deps.db, 'task-retention', {
    name: 'task-retention',
    intervalMs: deps.config.cleanupIntervalSeconds * 1_000,
    logger: deps.logger,
    run: () => purgeBatch(deps),
  });
}

/** Removes one batch of each; true when there may be more. Does nothing when everything is kept. */
export async function purgeBatch({ db, clock, config }: TaskDeps): Promise<boolean> {
  if (config.retentionDays === 0) return false;
  const before = clock.now() - config.retentionDays * DAY_MS;
  const tasks = await removeFinishedTasks(db.autocommit(), before, BATCH);
  const receipts = await removeReceipts(db.autocommit(), before, BATCH);
  const fences = await removeFences(db.autocommit(), before, BATCH);
  return tasks === BATCH || receipts >= BATCH || fences === BATCH;
}
