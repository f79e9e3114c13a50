import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { GetSessionTasksResponseSchema, type TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { TaskDeps } from '../deps.ts';
import { taskToProto } from '../domain/task-to-proto.ts';
import { readTaskSnapshot } from '../store/task-queries.ts';

export const getSessionTasks =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['getSessionTasks'] =>
  async ({ sessionId, author }) => {
    const { tasks, sourceSeq } = await readTaskSnapshot(deps.db.autocommit(), currentTenant(), sessionId, author);
    return create(GetSessionTasksResponseSchema, { tasks: tasks.map(taskToProto), sourceSeq });
  };
