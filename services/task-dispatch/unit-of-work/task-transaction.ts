import { TaskChange } from '../../../gen/autosession/event/v1/event_pb.js';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { logStateChange } from '../../lib/observability/logger.ts';
import { currentContext, currentUnconfirmedReads } from '../../lib/runtime/request-context.ts';
import { recentKey, type TaskDeps } from '../deps.ts';
import type { StoredTask } from '../domain/task.ts';
import type { TaskTables } from '../store/tables.ts';
import { findTask } from '../store/tasks.ts';
import { TaskConflictError, TaskUnitOfWork } from './task-unit-of-work.ts';

const MAX_ATTEMPTS = 5;

/**
 * Runs `work` in one transaction that holds the fences of the sessions, and then tells log, metrics and queue what happened.
 * When another writer was faster (a stale task, a duplicate key) all of it is run again, so `work` must have no effect but
 * its statements. `label` names the failpoints.
 */
export function inTaskTransaction<R>(
  deps: TaskDeps,
  label: string,
  sessionIds: readonly string[],
  work: (unit: TaskUnitOfWork) => Promise<R>,
): Promise<R> {
  return runWithRetry(deps, label, async (options) => {
    const unit = await TaskUnitOfWork.open(options, sessionIds);
    return { unit, result: await work(unit) };
  });
}

/** The same, where the first that `work` needs can be asked for while the fences are being locked, in one request. */
export function inTaskTransactionWithPrefetch<F, R>(
  deps: TaskDeps,
  label: string,
  sessionIds: readonly string[],
  prefetch: (unit: TaskUnitOfWork) => Promise<F>,
  work: (unit: TaskUnitOfWork, found: F) => Promise<R>,
): Promise<R> {
  return runWithRetry(deps, label, async (options) => {
    const { unit, found } = await TaskUnitOfWork.openWithPrefetch(options, sessionIds, prefetch);
    return { unit, result: await work(unit, found) };
  });
}

/** The same for one task, which is locked too, and its session; `task` is undefined when there is none of this id. */
export async function withLockedTask<R>(
  deps: TaskDeps,
  label: string,
  taskId: string,
  work: (unit: TaskUnitOfWork, task: StoredTask | undefined) => Promise<R>,
): Promise<R> {
  const sessionId = await sessionOf(deps, taskId);
  return runWithRetry(deps, label, async (options) => {
    const { unit, task } = sessionId
      ? await TaskUnitOfWork.openTask(options, { sessionId, taskId })
      : { unit: TaskUnitOfWork.openEmpty(options) };
    return { unit, result: await work(unit, task) };
  });
}

/** The session of a task; undefined when there is none of this id. */
async function sessionOf(deps: TaskDeps, taskId: string): Promise<string | undefined> {
  const { tenant } = currentContext();
  const cached = deps.recent.sessions.get(recentKey(tenant, taskId));
  if (cached) return cached;
  const task = await findTask(deps.db.autocommit(), tenant, taskId);
  return task?.sessionId;
}

/** Remembers the session of a task that is stored, and on disk. */
export function cacheTaskSession({ recent }: TaskDeps, { tenant, taskId, sessionId }: StoredTask): void {
  recent.sessions.set(recentKey(tenant, taskId), sessionId);
}

/** The same for a session that is likely new: then there is nothing to lock, and one request does it all. */
export function inNewSessionTransaction<R>(
  deps: TaskDeps,
  label: string,
  sessionId: string,
  work: (unit: TaskUnitOfWork) => Promise<R>,
): Promise<R> {
  return runWithRetry(deps, label, async (options, attempt) => {
    const unit =
      attempt === 1 ? TaskUnitOfWork.openNew(options, sessionId) : await TaskUnitOfWork.open(options, [sessionId]);
    return { unit, result: await work(unit) };
  });
}

type UnitOptions = Parameters<typeof TaskUnitOfWork.openNew>[0];

async function runWithRetry<R>(
  deps: TaskDeps,
  label: string,
  work: (options: UnitOptions, attempt: number) => Promise<{ unit: TaskUnitOfWork; result: R }>,
): Promise<R> {
  const { tenant } = currentContext();
  const given = { tenant, outbox: deps.outbox };
  for (let attempt = 1; ; attempt++) {
    try {
      const run = async (tx: Executor<TaskTables>) => {
        const done = await work({ ...given, tx, now: deps.clock.now() }, attempt);
        await done.unit.close();
        return done;
      };
      const { unit, result } = await deps.db.transaction(`task.${label}`, run, { group: 'tasks' });
      await afterCommit(deps, unit);
      return result;
    } catch (error) {
      if (!(error instanceof TaskConflictError || deps.db.isDuplicateKey(error))) throw error;
      if (attempt === MAX_ATTEMPTS)
        throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'too many writers at once; a repeat is harmless', {}, error);
    }
  }
}

async function afterCommit(deps: TaskDeps, unit: TaskUnitOfWork): Promise<void> {
  // what was only read may still vanish with the database, and its event has to find it missing then
  if (currentUnconfirmedReads()?.hasPending === false) cacheCommitted(deps, unit);
  for (const { task, change, reason } of unit.events) {
    const name = TaskChange[change].toLowerCase();
    deps.metrics.tasks.inc({ change: name });
    logTask(deps, `task_${name}`, task, reason, unit.fence(task.sessionId)?.sessionName);
  }
  for (const { task, command, reason } of unit.silentChanges)
    logTask(deps, `task_${command}`, task, reason, unit.fence(task.sessionId)?.sessionName);
  await deps.ready.push([...unit.becameReady.values()]);
  await deps.ready.remove(unit.tenant, [...unit.noLongerReady]);
}

function cacheCommitted(deps: TaskDeps, unit: TaskUnitOfWork): void {
  for (const fence of unit.fences()) deps.recent.epochs.set(recentKey(unit.tenant, fence.sessionId), fence.ownerEpoch);
  for (const { task } of [...unit.events, ...unit.silentChanges]) cacheTaskSession(deps, task);
}

/** Logs what happened to a task. A sender's own words stay out: they may quote what it was to say. */
export function logTask(deps: TaskDeps, event: string, task: StoredTask, why: string, session_name?: string): void {
  const reason = /^[a-z_]{1,40}$/.test(why) ? why : 'reported';
  const line = { event, session_id: task.sessionId, session_name, reason, status: task.status };
  logStateChange(deps.logger.child({ task_id: task.taskId }), line);
}
