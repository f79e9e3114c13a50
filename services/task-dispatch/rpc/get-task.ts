import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { GetTaskResponseSchema, type TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { requireTask } from '../commands/report-task.ts';
import type { TaskDeps } from '../deps.ts';
import { taskToProto } from '../domain/task-to-proto.ts';

export const getTask =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['getTask'] =>
  async ({ taskId }) =>
    create(GetTaskResponseSchema, { task: taskToProto(await requireTask(deps, taskId)) });
