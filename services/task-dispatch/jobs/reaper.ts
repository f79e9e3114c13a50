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
/** A task that waits for longer than this may have been proposed to somebody who died. */
const ORPHAN_AFTER_MS = 5_000;
const ORPHAN_BATCH_SIZE = 200;

/**
 * Ends leases that have run out, tells of tasks that stay unknown, and tells the queue again of tasks that it may have
 * forgotten: in one process at a time, for all tenants.
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

/** One round over the leases and the unknown tasks; true when there is more of either. */
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

/** Does the work for each task in its tenant's context; returns for how many it succeeded. One that fails waits. */
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
      deps.logger[failureLogLevel(error)](line, `could not settle ${task.taskId}`);
    }
  };
  for (let at = 0; at < tasks.length && !signal.aborted; at += MAX_CONCURRENT)
    await Promise.all(tasks.slice(at, at + MAX_CONCURRENT).map(one));
  return done;
}

/** A walk, round after round, along all tasks that wait; after its end it rests until a task can be a stray again. */
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
