import { TaskChange } from '../../../gen/autosession/event/v1/event_pb.js';
import { logStateChange } from '../../lib/observability/logger.ts';
import { currentUnconfirmedReads } from '../../lib/runtime/request-context.ts';
import { recentKey, type TaskDeps } from '../deps.ts';
import type { Fence } from '../domain/fence.ts';
import type { StoredTask } from '../domain/task.ts';
import type { TaskChanges } from './task-changes.ts';

/** Updates caches, metrics, log and queue after the commit of these changes. */
export async function afterCommit(
  deps: TaskDeps,
  tenant: string,
  fences: ReadonlyMap<string, Fence>,
  { events, silent, becameReady, noLongerReady }: TaskChanges,
): Promise<void> {
  // rows that were only read may still be lost with the database; their event must not find them cached then
  if (currentUnconfirmedReads()?.hasPending === false) {
    for (const { sessionId, ownerEpoch } of fences.values())
      deps.recent.epochs.set(recentKey(tenant, sessionId), ownerEpoch);
    for (const { task } of [...events, ...silent]) cacheTaskSession(deps, task);
  }
  for (const { task, change, reason } of events) {
    const name = TaskChange[change].toLowerCase();
    deps.metrics.tasks.inc({ change: name });
    logTask(deps, `task_${name}`, task, reason, fences.get(task.sessionId)?.sessionName);
  }
  for (const { task, command, reason } of silent)
    logTask(deps, `task_${command}`, task, reason, fences.get(task.sessionId)?.sessionName);
  await deps.ready.push([...becameReady.values()]);
  await deps.ready.remove(tenant, [...noLongerReady]);
}

/** Caches the session of a task that is stored and on disk. */
export function cacheTaskSession({ recent }: TaskDeps, { tenant, taskId, sessionId }: StoredTask): void {
  recent.sessions.set(recentKey(tenant, taskId), sessionId);
}

/** Logs a change of a task. A reason in the sender's own words is left out: it may quote the content. */
export function logTask(deps: TaskDeps, event: string, task: StoredTask, why: string, session_name?: string): void {
  const reason = /^[a-z_]{1,40}$/.test(why) ? why : 'reported';
  const line = { event, session_id: task.sessionId, session_name, reason, status: task.status };
  logStateChange(deps.logger.child({ task_id: task.taskId }), line);
}
