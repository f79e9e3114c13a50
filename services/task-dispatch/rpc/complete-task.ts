import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { CompleteTaskResponseSchema, TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { onceOrReplayed } from '../../lib/idempotency.ts';
import { mustFindTask, recordReport } from '../commands/report.ts';
import { tellSession } from '../commands/tell-session.ts';
import type { TaskDeps } from '../deps.ts';
import type { StoredTask } from '../domain/task.ts';
import { taskMessage } from '../domain/task-message.ts';

export const completeTask =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['completeTask'] =>
  async (request) => {
    const { answer, replayed } = await onceOrReplayed(
      deps,
      TaskService.method.completeTask,
      request,
      async (record) => {
        const found = await mustFindTask(deps, request.taskId);
        const report = { success: true, token: request.leaseToken, errorMessage: '', byTask: true };
        const task = await recordReport(deps, found, report, (tx, after) => record(tx, answerOf(after)));
        return answerOf(task);
      },
    );
    if (replayed) answer.task = taskMessage(await mustFindTask(deps, request.taskId));
    if (answer.task) await tellSession(deps, answer.task);
    return answer;
  };

const answerOf = (task: StoredTask) => create(CompleteTaskResponseSchema, { task: taskMessage(task) });
