import { type Event, TaskChange } from '../../gen/autosession/event/v1/event_pb.js';
import { ErrorReason, isRefusal } from '../lib/errors/refuse.ts';
import type { SessionDeps } from './deps.ts';
import { recordOutcome } from './outcome.ts';

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
    try {
      const session = await recordOutcome(deps, { sessionId, success, othersOpen, reason });
      await deps.fences.confirmIfPossible(session);
    } catch (error) {
      // a session that was removed after its retention has nothing left to change
      if (!isRefusal(error, ErrorReason.SESSION_NOT_FOUND)) throw error;
    }
  };
}
