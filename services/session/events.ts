import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type Event, TaskChange } from '../../gen/autosession/event/v1/event_pb.js';
import { TaskAuthor } from '../../gen/autosession/task/v1/task_pb.js';
import { ErrorReason, hasErrorReason } from '../lib/errors/app-error.ts';
import { currentTenant } from '../lib/runtime/request-context.ts';
import { applyTaskOutcome } from './commands/apply-task-outcome.ts';
import type { SessionDeps } from './deps.ts';
import { isOpen } from './domain/session.ts';
import { shouldTouch } from './domain/timers.ts';

/** `task_status_code` of a task that is not finished. */
const OPEN = 0;
/** Reasons of withdrawals that the session service caused itself: there is nothing to apply. */
const OWN_WITHDRAWALS = ['handed_over', 'session_closed'];

/**
 * Applies the outcome of a task in case the call that reported it was lost, and notes the activity of agents. A repeat leads to the same
 * state.
 */
export function onTaskChanged(deps: SessionDeps): (event: Event) => Promise<void> {
  return async ({ sessionId, payload, occurredAt }) => {
    if (payload.case !== 'taskChanged') return;
    const { task, change, reason, othersOpen } = payload.value;
    if (change === TaskChange.CREATED && task?.author === TaskAuthor.AGENT)
      return touchSession(deps, sessionId, occurredAt && timestampMs(occurredAt));
    const success = change === TaskChange.COMPLETED;
    const failure =
      change === TaskChange.FAILED ||
      change === TaskChange.DEAD ||
      (change === TaskChange.CANCELLED && !OWN_WITHDRAWALS.includes(reason));
    if (!task || !(success || failure)) return;
    if (success && deps.succeeded.get(`${currentTenant()} ${task.taskId}`)) return; // the call has recorded it
    try {
      const open = failure && (othersOpen || (await hasOpenTasks(deps, sessionId)));
      const at = task.finishedAt && timestampMs(task.finishedAt);
      const session = await applyTaskOutcome(deps, { sessionId, success, othersOpen: open, reason, at });
      await deps.fences.tryConfirm(session);
    } catch (error) {
      // the session was purged
      if (!hasErrorReason(error, ErrorReason.SESSION_NOT_FOUND)) throw error;
    }
  };
}

/** An agent's message is activity of its session; nothing else tells this service about it. The event may be late. */
async function touchSession(deps: SessionDeps, sessionId: string, at = deps.clock.now()): Promise<void> {
  const session = await deps.sessions.find(currentTenant(), sessionId);
  if (!session || !isOpen(session) || !shouldTouch(session, at)) return;
  await deps.sessions.touch(currentTenant(), session, { ...session, lastActivity: at });
}

/** The event may be late: this task may be pending again, or another one. */
async function hasOpenTasks(deps: SessionDeps, sessionId: string): Promise<boolean> {
  const { tasks } = await deps.tasks.getSessionTasks({ sessionId });
  return tasks.some((task) => task.taskStatusCode === OPEN);
}
