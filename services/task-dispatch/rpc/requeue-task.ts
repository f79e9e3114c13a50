import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type RequeueTaskRequest,
  RequeueTaskResponseSchema,
  TaskService,
} from '../../../gen/autosession/task/v1/task_service_pb.js';
import { withReplayDetection } from '../../lib/idempotency/with-replay-detection.ts';
import { requireTask } from '../commands/report-task.ts';
import type { TaskDeps } from '../deps.ts';
import { decideRequeue } from '../domain/decide-requeue.ts';
import { taskNotFound } from '../domain/task-errors.ts';
import { taskToProto } from '../domain/task-to-proto.ts';
import { TaskUnitOfWork } from '../unit-of-work/task-unit-of-work.ts';

export const requeueTask =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['requeueTask'] =>
  async (request) => {
    const { answer, replayed } = await withReplayDetection(
      deps,
      TaskService.method.requeueTask,
      request,
      async (saveResponse) => {
        const { sessionId } = await requireTask(deps, request.taskId);
        return TaskUnitOfWork.run(deps, 'requeue', { sessionIds: [sessionId] }, async (unit) => {
          const task = await requeue(unit, request);
          const answer = create(RequeueTaskResponseSchema, { task: taskToProto(task) });
          await saveResponse(unit.tx, answer);
          return answer;
        });
      },
    );
    if (replayed) answer.task = taskToProto(await requireTask(deps, request.taskId));
    return answer;
  };

async function requeue(unit: TaskUnitOfWork, { taskId, leaseToken, seconds }: RequeueTaskRequest) {
  const task = await unit.lockTask(taskId);
  if (!task) throw taskNotFound(taskId);
  const decision = decideRequeue(task, unit.fence(task.sessionId), leaseToken, unit.now + seconds * 1_000);
  if (!decision) return task;
  const { command, actor, fields } = decision;
  return unit.apply(task, command, { actor, reason: command }, fields);
}
