import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { FailTaskResponseSchema, TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { withReplayDetection } from '../../lib/idempotency/with-replay-detection.ts';
import { notifySession } from '../commands/notify-session.ts';
import { recordTaskReport, requireTask } from '../commands/report-task.ts';
import type { TaskDeps } from '../deps.ts';
import type { StoredTask } from '../domain/task.ts';
import { taskToProto } from '../domain/task-to-proto.ts';

export const failTask =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['failTask'] =>
  async (request) => {
    const { answer, replayed } = await withReplayDetection(
      deps,
      TaskService.method.failTask,
      request,
      async (saveResponse) => {
        const found = await requireTask(deps, request.taskId);
        const { leaseToken: token, errorMessage } = request;
        const report = { success: false, token, errorMessage, byTask: true };
        const task = await recordTaskReport(deps, found, report, (tx, after) => saveResponse(tx, answerOf(after)));
        return answerOf(task);
      },
    );
    if (replayed) answer.task = taskToProto(await requireTask(deps, request.taskId));
    if (answer.task) await notifySession(deps, answer.task);
    return answer;
  };

const answerOf = (task: StoredTask) => create(FailTaskResponseSchema, { task: taskToProto(task) });
