import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type RequeueTaskRequest,
  RequeueTaskResponseSchema,
  TaskService,
} from '../../../gen/autosession/task/v1/task_service_pb.js';
import { onceOrReplayed } from '../../lib/idempotency.ts';
import { changeSessions } from '../change-sessions.ts';
import { mustFindTask } from '../commands/report.ts';
import type { TaskDeps } from '../deps.ts';
import { taskNotFound } from '../domain/refusals.ts';
import { decideRequeue } from '../domain/requeue.ts';
import { taskMessage } from '../domain/task-message.ts';
import type { SessionUnit } from '../store/session-unit.ts';

export const requeueTask =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['requeueTask'] =>
  async (request) => {
    const { answer, replayed } = await onceOrReplayed(deps, TaskService.method.requeueTask, request, async (record) => {
      const { sessionId } = await mustFindTask(deps, request.taskId);
      return changeSessions(deps, 'requeue', [sessionId], async (unit) => {
        const task = await requeue(unit, request);
        const answer = create(RequeueTaskResponseSchema, { task: taskMessage(task) });
        await record(unit.tx, answer);
        return answer;
      });
    });
    if (replayed) answer.task = taskMessage(await mustFindTask(deps, request.taskId));
    return answer;
  };

async function requeue(unit: SessionUnit, { taskId, leaseToken, seconds }: RequeueTaskRequest) {
  const task = await unit.lockTask(taskId);
  if (!task) throw taskNotFound(taskId);
  const decision = decideRequeue(task, unit.fence(task.sessionId), leaseToken, unit.now + seconds * 1_000);
  if (!decision) return task;
  const { command, actor, fields } = decision;
  return unit.apply(task, command, { actor, reason: command }, fields);
}
