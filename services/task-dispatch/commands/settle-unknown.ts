import { TaskChange } from '../../../gen/autosession/event/v1/event_pb.js';
import { changeSessions } from '../change-sessions.ts';
import type { TaskDeps } from '../deps.ts';
import { leaveToAct } from '../domain/fence.ts';
import { attemptsRemain } from '../domain/retry.ts';
import type { SessionUnit } from '../store/session-unit.ts';
import type { TaskRef } from '../store/sweeps.ts';

const cause = { actor: 'system', reason: 'no_evidence' };

/** Tells, once, that nobody has learnt whether a task was sent, and then does with it what the policy says. */
export function settleUnknown(deps: TaskDeps, { taskId, sessionId }: TaskRef): Promise<void> {
  return changeSessions(deps, 'settle-unknown', [sessionId], async (unit) => {
    const task = await unit.lockTask(taskId);
    if (task?.status !== 'unknown' || task.remindedAt !== undefined) return;
    const reminded = await unit.amend(task, { remindedAt: unit.now });
    unit.tell(reminded, TaskChange.UNSETTLED, cause);
    const { unknownPolicy } = deps.config;
    if (unknownPolicy === 'fail') await unit.apply(reminded, 'fail_final', cause, { errorMessage: cause.reason });
    if (unknownPolicy === 'resend' && mayResend(unit, reminded))
      await unit.apply(reminded, 'requeue', cause, { runAt: unit.now });
  });
}

function mayResend(
  unit: SessionUnit,
  task: Parameters<typeof attemptsRemain>[0] & { sessionId: string; ownerEpoch: number },
) {
  return attemptsRemain(task) && leaveToAct(unit.fence(task.sessionId), task) !== 'handed_over';
}
