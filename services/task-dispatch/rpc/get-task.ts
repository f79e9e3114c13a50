import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { GetTaskResponseSchema, type TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { mustFindTask } from '../commands/report.ts';
import type { TaskDeps } from '../deps.ts';
import { taskMessage } from '../domain/task-message.ts';

export const getTask =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['getTask'] =>
  async ({ taskId }) =>
    create(GetTaskResponseSchema, { task: taskMessage(await mustFindTask(deps, taskId)) });
