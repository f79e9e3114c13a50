import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type CancelTaskRequest,
  CancelTaskResponseSchema,
  TaskService,
} from '../../../gen/autosession/task/v1/task_service_pb.js';
import { onceOrReplayed } from '../../lib/idempotency.ts';
import { changeSessions } from '../change-sessions.ts';
import { mustFindTask } from '../commands/report.ts';
import { tellSession } from '../commands/tell-session.ts';
import type { TaskDeps } from '../deps.ts';
import { taskDone, taskNotFound } from '../domain/refusals.ts';
import { isFinished } from '../domain/task.ts';
import { taskMessage } from '../domain/task-message.ts';
import type { SessionUnit } from '../store/session-unit.ts';

export const cancelTask =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['cancelTask'] =>
  async (request) => {
    const { answer, replayed } = await onceOrReplayed(deps, TaskService.method.cancelTask, request, async (record) => {
      const { sessionId } = await mustFindTask(deps, request.taskId);
      return changeSessions(deps, 'cancel', [sessionId], async (unit) => {
        const task = await cancel(unit, request);
        const answer = create(CancelTaskResponseSchema, { task: taskMessage(task) });
        await record(unit.tx, answer);
        return answer;
      });
    });
    if (replayed) answer.task = taskMessage(await mustFindTask(deps, request.taskId));
    if (answer.task) await tellSession(deps, answer.task);
    return answer;
  };

async function cancel(unit: SessionUnit, { taskId, errorMessage }: CancelTaskRequest) {
  const task = await unit.lockTask(taskId);
  if (!task) throw taskNotFound(taskId);
  if (task.status === 'cancelled') return task;
  if (isFinished(task.status)) throw taskDone(task);
  const reason = errorMessage || 'cancelled';
  return unit.apply(task, 'cancel', { actor: 'operator', reason }, { errorMessage: reason });
}
