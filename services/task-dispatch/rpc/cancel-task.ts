import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type CancelTaskRequest,
  CancelTaskResponseSchema,
  TaskService,
} from '../../../gen/autosession/task/v1/task_service_pb.js';
import { withReplayDetection } from '../../lib/idempotency/with-replay-detection.ts';
import { notifySession } from '../commands/notify-session.ts';
import { requireTask } from '../commands/report-task.ts';
import type { TaskDeps } from '../deps.ts';
import { isFinished } from '../domain/task.ts';
import { taskDone, taskNotFound } from '../domain/task-errors.ts';
import { taskToProto } from '../domain/task-to-proto.ts';
import { TaskUnitOfWork } from '../unit-of-work/task-unit-of-work.ts';

export const cancelTask =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['cancelTask'] =>
  async (request) => {
    const { answer, replayed } = await withReplayDetection(
      deps,
      TaskService.method.cancelTask,
      request,
      async (saveResponse) => {
        const { sessionId } = await requireTask(deps, request.taskId);
        return TaskUnitOfWork.run(deps, 'cancel', { sessionIds: [sessionId] }, async (unit) => {
          const task = await cancel(unit, request);
          const answer = create(CancelTaskResponseSchema, { task: taskToProto(task) });
          await saveResponse(unit.tx, answer);
          return answer;
        });
      },
    );
    if (replayed) answer.task = taskToProto(await requireTask(deps, request.taskId));
    if (answer.task) await notifySession(deps, answer.task);
    return answer;
  };

async function cancel(unit: TaskUnitOfWork, { taskId, errorMessage }: CancelTaskRequest) {
  const task = await unit.lockTask(taskId);
  if (!task) throw taskNotFound(taskId);
  if (task.status === 'cancelled') return task;
  if (isFinished(task.status)) throw taskDone(task);
  const reason = errorMessage || 'cancelled';
  return unit.apply(task, 'cancel', { actor: 'operator', reason }, { errorMessage: reason });
}
