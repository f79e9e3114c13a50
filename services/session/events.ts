import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type Event, TaskChange } from '../../gen/autosession/event/v1/event_pb.js';
import { ErrorReason, hasErrorReason } from '../lib/errors/app-error.ts';
import { currentTenant } from '../lib/runtime/request-context.ts';
import { applyTaskOutcome } from './commands/apply-task-outcome.ts';
import type { SessionDeps } from './deps.ts';

/** `task_status_code` of a task that is not finished. */
const OPEN = 0;
/** Withdrawals that the session service itself caused say nothing new to it. */
const OWN_WITHDRAWALS = ['handed_over', 'session_closed'];

/** What became of a task, in case the call that told it was lost. Repeats lead to the same state. */
export function onTaskChanged(deps: SessionDeps): (event: Event) => Promise<void> {
  return async ({ sessionId, payload }) => {
    if (payload.case !== 'taskChanged') return;
    const { task, change, reason, othersOpen } = payload.value;
    const success = change === TaskChange.COMPLETED;
    const failure =
      change === TaskChange.FAILED ||
      change === TaskChange.DEAD ||
      (change === TaskChange.CANCELLED && !OWN_WITHDRAWALS.includes(reason));
    if (!task || !(success || failure)) return;
    if (success && deps.succeeded.get(`${currentTenant()} ${task.taskId}`)) return; // the call was not lost
    try {
      const open = failure && (othersOpen || (await hasOpenTasks(deps, sessionId)));
      const at = task.finishedAt && timestampMs(task.finishedAt);
      const session = await applyTaskOutcome(deps, { sessionId, success, othersOpen: open, reason, at });
      await deps.fences.tryConfirm(session);
    } catch (error) {
      // a session that was removed after its retention has nothing left to change
      if (!hasErrorReason(error, ErrorReason.SESSION_NOT_FOUND)) throw error;
    }
  };
}

/** An event may be late: the task may wait again since, or another one. */
async function hasOpenTasks(deps: SessionDeps, sessionId: string): Promise<boolean> {
  const { tasks } = await deps.tasks.getSessionTasks({ sessionId });
  return tasks.some((task) => task.taskStatusCode === OPEN);
}
