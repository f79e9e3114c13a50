import { inContext, systemContext } from '../lib/context.ts';
import { backgroundRequestId, type Loop, startLeaderLoop } from '../lib/loop.ts';
import { failureLevel } from '../lib/loop-failures.ts';
import { afterSetBack } from './clock-set-back.ts';
import { expireLease } from './commands/expire-lease.ts';
import { settleUnknown } from './commands/settle-unknown.ts';
import type { TaskDeps } from './deps.ts';
import { expiredTasks, type ReadyPlace, strayTasks, type TaskRef, unsettledTasks } from './store/sweeps.ts';
import type { TaskTables } from './store/tables.ts';

const EVERY_MS = 500;
const BATCH = 100;
const AT_ONCE = 8;
/** A task that waits for longer than this may have been proposed to somebody who died. */
const STRAY_AFTER_MS = 5_000;
const STRAY_BATCH = 200;

/**
 * Ends leases that have run out, tells of tasks that stay unknown, and tells the queue again of tasks that it may have
 * forgotten: in one process at a time, for all tenants.
 */
export function startReaper(deps: TaskDeps): Loop {
  const bringBack = afterSetBack(deps);
  const remindOfStrays = strayWalk(deps);
  return startLeaderLoop(deps.db, 'task-reaper', {
    name: 'task-reaper',
    everyMs: EVERY_MS,
    logger: deps.logger,
    run: async (signal) => {
      await bringBack();
      const more = await reap(deps, signal);
      await remindOfStrays();
      return more;
    },
  });
}

/** One round over the leases and the unknown tasks; true when there is more of either. */
export async function reap(deps: TaskDeps, signal: AbortSignal): Promise<boolean> {
  const now = deps.clock.now();
  const unknownSince = now - deps.config.unknownAfterMinutes * 60_000;
  const db = deps.db.of<TaskTables>();
  const expire = (task: TaskRef) => expireLease(deps, task);
  const settle = (task: TaskRef) => settleUnknown(deps, task);
  const sent = await each(deps, await expiredTasks(db, 'sent', now, BATCH), signal, expire);
  const leased = await each(deps, await expiredTasks(db, 'leased', now, BATCH), signal, expire);
  const unknown = await each(deps, await unsettledTasks(db, unknownSince, BATCH), signal, settle);
  return sent === BATCH || leased === BATCH || unknown === BATCH;
}

/** Does the work for each task in its tenant's context; returns for how many it succeeded. One that fails waits. */
async function each(
  deps: TaskDeps,
  tasks: readonly TaskRef[],
  signal: AbortSignal,
  work: (task: TaskRef) => Promise<void>,
): Promise<number> {
  let done = 0;
  const one = async (task: TaskRef) => {
    try {
      await inContext(systemContext(task.tenant, backgroundRequestId('reaper')), () => work(task));
      done += 1;
    } catch (error) {
      const line = { event: 'reap_failed', tenant: task.tenant, task_id: task.taskId, err: error };
      deps.logger[failureLevel(error)](line, `could not settle ${task.taskId}`);
    }
  };
  for (let at = 0; at < tasks.length && !signal.aborted; at += AT_ONCE)
    await Promise.all(tasks.slice(at, at + AT_ONCE).map(one));
  return done;
}

/** A walk, round after round, along all tasks that wait; after its end it rests until a task can be a stray again. */
function strayWalk(deps: TaskDeps): () => Promise<void> {
  let after: ReadyPlace | undefined;
  let restUntil = Number.NEGATIVE_INFINITY;
  return async () => {
    if (deps.clock.monotonic() < restUntil) return;
    const now = deps.clock.now();
    const query = { now, untouchedSince: now - STRAY_AFTER_MS, after, limit: STRAY_BATCH };
    const tasks = await strayTasks(deps.db.of(), query);
    await deps.ready.push(tasks);
    after = tasks.length === STRAY_BATCH ? tasks.at(-1) : undefined;
    if (!after) restUntil = deps.clock.monotonic() + STRAY_AFTER_MS;
  };
}
