import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { CreateTaskResponseSchema, type TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { storeTask } from '../commands/store-task.ts';
import type { TaskDeps } from '../deps.ts';
import { toControlName } from '../domain/fence.ts';
import { taskToProto } from '../domain/task-to-proto.ts';

export const createTask =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['createTask'] =>
  async ({ task: spec, status, paused, reuseSeconds }) => {
    if (!spec) throw new Error('validation lets no request without a task through');
    const task = await storeTask(deps, { spec, control: { status: toControlName(status), paused }, reuseSeconds });
    return create(CreateTaskResponseSchema, { task: taskToProto(task) });
  };
