import { backgroundRequestId, type Loop, startLeaderLoop } from '../../lib/runtime/loop.ts';
import { failureLogLevel } from '../../lib/runtime/loop-failure-log.ts';
import { runInBackgroundContext, systemContext } from '../../lib/runtime/request-context.ts';
import { applyUnknownPolicy } from '../commands/apply-unknown-policy.ts';
import { expireLease } from '../commands/expire-lease.ts';
import type { TaskDeps } from '../deps.ts';
import { expiredTasks, findOrphanedTasks, type ReadyCursor, type TaskRef, unsettledTasks } from '../store/sweeps.ts';
import type { TaskTables } from '../store/tables.ts';
import { taskTimeCorrector } from './correct-task-times.ts';

const EVERY_MS = 500;
const BATCH = 100;
const MAX_CONCURRENT = 8;
/** A task that is ready for longer than this may have been taken from the queue by a process that died. */
const ORPHAN_AFTER_MS = 5_000;
const ORPHAN_BATCH_SIZE = 200;

/**
 * Ends expired leases, reports tasks that stay unknown, and adds orphaned tasks to the queue again. For all tenants, in one
 * process at a time.
 */
export function startReaper(deps: TaskDeps): Loop {
  const correctTimes = taskTimeCorrector(deps);
  const requeueOrphans = orphanScan(deps);
  return startLeaderLoop(deps.db, 'task-reaper', {
    name: 'task-reaper',
    intervalMs: EVERY_MS,
    logger: deps.logger,
    run: async (signal) => {
      await correctTimes();
      const more = await reap(deps, signal);
      await requeueOrphans();
      return more;
    },
  });
}

/** Processes one batch of expired leases and one of unknown tasks; true when there may be more of either. */
export async function reap(deps: TaskDeps, signal: AbortSignal): Promise<boolean> {
  const now = deps.clock.now();
  const unknownSince = now - deps.config.unknownAfterMinutes * 60_000;
  const db = deps.db.autocommit<TaskTables>();
  const expire = (task: TaskRef) => expireLease(deps, task);
  const settle = (task: TaskRef) => applyUnknownPolicy(deps, task);
  const fetched = await forEachTask(deps, await expiredTasks(db, 'fetched', now, BATCH), signal, expire);
  const leased = await forEachTask(deps, await expiredTasks(db, 'leased', now, BATCH), signal, expire);
  const unknown = await forEachTask(deps, await unsettledTasks(db, unknownSince, BATCH), signal, settle);
  return fetched === BATCH || leased === BATCH || unknown === BATCH;
}

/** Runs `work` for each task in the context of its tenant; returns how many succeeded. A failure is tried again next time. */
async function forEachTask(
  deps: TaskDeps,
  tasks: readonly TaskRef[],
  signal: AbortSignal,
  work: (task: TaskRef) => Promise<void>,
): Promise<number> {
  let done = 0;
  const one = async (task: TaskRef) => {
    try {
      await runInBackgroundContext(systemContext(task.tenant, backgroundRequestId('reaper')), () => work(task));
      done += 1;
    } catch (error) {
      const line = { event: 'reap_failed', tenant: task.tenant, task_id: task.taskId, err: error };
      deps.logger[failureLogLevel(error)](line, `the reaper could not process ${task.taskId}`);
    }
  };
  for (let at = 0; at < tasks.length && !signal.aborted; at += MAX_CONCURRENT)
    await Promise.all(tasks.slice(at, at + MAX_CONCURRENT).map(one));
  return done;
}

/** Scans all ready tasks, one batch a call; after the last batch it pauses until a task can be an orphan again. */
function orphanScan(deps: TaskDeps): () => Promise<void> {
  let cursor: ReadyCursor | undefined;
  let pausedUntil = Number.NEGATIVE_INFINITY;
  return async () => {
    if (deps.clock.monotonic() < pausedUntil) return;
    const now = deps.clock.now();
    const query = { now, untouchedSince: now - ORPHAN_AFTER_MS, after: cursor, limit: ORPHAN_BATCH_SIZE };
    const tasks = await findOrphanedTasks(deps.db.autocommit(), query);
    await deps.ready.push(tasks);
    cursor = tasks.length === ORPHAN_BATCH_SIZE ? tasks.at(-1) : undefined;
    if (!cursor) pausedUntil = deps.clock.monotonic() + ORPHAN_AFTER_MS;
  };
}
