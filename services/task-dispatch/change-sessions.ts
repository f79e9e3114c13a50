import { TaskChange } from '../../gen/autosession/event/v1/event_pb.js';
import { currentContext, currentReads } from '../lib/context.ts';
import type { Executor } from '../lib/db/database.ts';
import { ErrorReason, refuse } from '../lib/errors/refuse.ts';
import { logChange } from '../lib/log.ts';
import { recentKey, type TaskDeps } from './deps.ts';
import type { StoredTask } from './domain/task.ts';
import { Raced, SessionUnit } from './store/session-unit.ts';
import type { TaskTables } from './store/tables.ts';
import { findTask } from './store/tasks.ts';

const ATTEMPTS = 5;

/**
 * Runs `work` in one transaction that holds the fences of the sessions, and then tells log, metrics and queue what happened.
 * When another writer was faster (a stale task, a duplicate key) all of it is run again, so `work` must have no effect but
 * its statements. `label` names the failpoints.
 */
export function changeSessions<R>(
  deps: TaskDeps,
  label: string,
  sessionIds: readonly string[],
  work: (unit: SessionUnit) => Promise<R>,
): Promise<R> {
  return changeTasks(deps, label, async (options) => {
    const unit = await SessionUnit.open(options, sessionIds);
    return { unit, result: await work(unit) };
  });
}

/** The same, where the first that `work` needs can be asked for while the fences are being locked, in one request. */
export function changeSessionsAsking<F, R>(
  deps: TaskDeps,
  label: string,
  sessionIds: readonly string[],
  ask: (unit: SessionUnit) => Promise<F>,
  work: (unit: SessionUnit, found: F) => Promise<R>,
): Promise<R> {
  return changeTasks(deps, label, async (options) => {
    const { unit, found } = await SessionUnit.openAsking(options, sessionIds, ask);
    return { unit, result: await work(unit, found) };
  });
}

/** The same for one task, which is locked too, and its session; `task` is undefined when there is none of this id. */
export async function changeTask<R>(
  deps: TaskDeps,
  label: string,
  taskId: string,
  work: (unit: SessionUnit, task: StoredTask | undefined) => Promise<R>,
): Promise<R> {
  const sessionId = await sessionOf(deps, taskId);
  return changeTasks(deps, label, async (options) => {
    const { unit, task } = sessionId
      ? await SessionUnit.openTask(options, { sessionId, taskId })
      : { unit: SessionUnit.openNothing(options) };
    return { unit, result: await work(unit, task) };
  });
}

/** The session of a task; undefined when there is none of this id. */
async function sessionOf(deps: TaskDeps, taskId: string): Promise<string | undefined> {
  const { tenant } = currentContext();
  const known = deps.recent.sessions.get(recentKey(tenant, taskId));
  if (known) return known;
  const task = await findTask(deps.db.of(), tenant, taskId);
  return task?.sessionId;
}

/** Remembers the session of a task that is stored, and on disk. */
export function noteSession({ recent }: TaskDeps, { tenant, taskId, sessionId }: StoredTask): void {
  recent.sessions.set(recentKey(tenant, taskId), sessionId);
}

/** The same for a session that is likely new: then there is nothing to lock, and one request does it all. */
export function changeNewSession<R>(
  deps: TaskDeps,
  label: string,
  sessionId: string,
  work: (unit: SessionUnit) => Promise<R>,
): Promise<R> {
  return changeTasks(deps, label, async (options, attempt) => {
    const unit = attempt === 1 ? SessionUnit.openNew(options, sessionId) : await SessionUnit.open(options, [sessionId]);
    return { unit, result: await work(unit) };
  });
}

type UnitOptions = Parameters<typeof SessionUnit.openNew>[0];

async function changeTasks<R>(
  deps: TaskDeps,
  label: string,
  work: (options: UnitOptions, attempt: number) => Promise<{ unit: SessionUnit; result: R }>,
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
      await announce(deps, unit);
      return result;
    } catch (error) {
      if (!(error instanceof Raced || deps.db.isDuplicateKey(error))) throw error;
      if (attempt === ATTEMPTS)
        throw refuse(ErrorReason.SERVICE_UNAVAILABLE, 'too many writers at once; a repeat is harmless', {}, error);
    }
  }
}

async function announce(deps: TaskDeps, unit: SessionUnit): Promise<void> {
  // what was only read may still vanish with the database, and its event has to find it missing then
  if (currentReads()?.pending === false) remember(deps, unit);
  for (const { task, change, reason } of unit.news) {
    const name = TaskChange[change].toLowerCase();
    deps.metrics.tasks.inc({ change: name });
    logTask(deps, `task_${name}`, task, reason, unit.fence(task.sessionId)?.sessionName);
  }
  for (const { task, command, reason } of unit.quiet)
    logTask(deps, `task_${command}`, task, reason, unit.fence(task.sessionId)?.sessionName);
  await deps.ready.push([...unit.ready.values()]);
  await deps.ready.remove(unit.tenant, [...unit.withdrawn]);
}

function remember(deps: TaskDeps, unit: SessionUnit): void {
  for (const fence of unit.fences()) deps.recent.epochs.set(recentKey(unit.tenant, fence.sessionId), fence.ownerEpoch);
  for (const { task } of [...unit.news, ...unit.quiet]) noteSession(deps, task);
}

/** Logs what happened to a task. A sender's own words stay out: they may quote what it was to say. */
export function logTask(deps: TaskDeps, event: string, task: StoredTask, why: string, session_name?: string): void {
  const reason = /^[a-z_]{1,40}$/.test(why) ? why : 'reported';
  const line = { event, session_id: task.sessionId, session_name, reason, status: task.status };
  logChange(deps.logger.child({ task_id: task.taskId }), line);
}
