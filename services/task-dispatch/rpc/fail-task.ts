import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { FailTaskResponseSchema, TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { onceOrReplayed } from '../../lib/idempotency.ts';
import { mustFindTask, recordReport } from '../commands/report.ts';
import { tellSession } from '../commands/tell-session.ts';
import type { TaskDeps } from '../deps.ts';
import type { StoredTask } from '../domain/task.ts';
import { taskMessage } from '../domain/task-message.ts';

export const failTask =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['failTask'] =>
  async (request) => {
    const { answer, replayed } = await onceOrReplayed(deps, TaskService.method.failTask, request, async (record) => {
      const found = await mustFindTask(deps, request.taskId);
      const { leaseToken: token, errorMessage } = request;
      const report = { success: false, token, errorMessage, byTask: true };
      const task = await recordReport(deps, found, report, (tx, after) => record(tx, answerOf(after)));
      return answerOf(task);
    });
    if (replayed) answer.task = taskMessage(await mustFindTask(deps, request.taskId));
    if (answer.task) await tellSession(deps, answer.task);
    return answer;
  };

const answerOf = (task: StoredTask) => create(FailTaskResponseSchema, { task: taskMessage(task) });
