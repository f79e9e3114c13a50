import { TaskChange } from '../../../gen/autosession/event/v1/event_pb.js';
import type { TaskDeps } from '../deps.ts';
import { sendPermission } from '../domain/fence.ts';
import { attemptsRemain } from '../domain/retry.ts';
import { isAgentTask, type StoredTask } from '../domain/task.ts';
import type { TaskRef } from '../store/sweeps.ts';
import { TaskUnitOfWork } from '../unit-of-work/task-unit-of-work.ts';

const cause = { actor: 'system', reason: 'no_evidence' };

/** Reports once that a task stays unknown, and then applies the configured policy. */
export function applyUnknownPolicy(deps: TaskDeps, { taskId, sessionId }: TaskRef): Promise<void> {
  return TaskUnitOfWork.run(deps, 'settle-unknown', { sessionIds: [sessionId] }, async (unit) => {
    const task = await unit.lockTask(taskId);
    if (task?.status !== 'unknown' || task.remindedAt !== undefined) return;
    const reminded = await unit.amend(task, { remindedAt: unit.now });
    unit.emit(reminded, TaskChange.UNSETTLED, cause);
    const { unknownPolicy } = deps.config;
    if (unknownPolicy === 'fail') await unit.apply(reminded, 'fail_final', cause, { errorMessage: cause.reason });
    if (unknownPolicy === 'resend' && mayResend(unit, reminded))
      await unit.apply(reminded, 'requeue', cause, { runAt: unit.now });
  });
}

/** An agent's words are never sent again by policy: the agent decides. */
function mayResend(unit: TaskUnitOfWork, task: StoredTask) {
  return (
    !isAgentTask(task) && attemptsRemain(task) && sendPermission(unit.fence(task.sessionId), task) !== 'handed_over'
  );
}
