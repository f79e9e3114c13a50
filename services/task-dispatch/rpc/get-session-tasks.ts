import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { GetSessionTasksResponseSchema, type TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { currentTenant } from '../../lib/context.ts';
import type { TaskDeps } from '../deps.ts';
import { taskMessage } from '../domain/task-message.ts';
import { sessionSnapshot } from '../store/lists.ts';

export const getSessionTasks =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['getSessionTasks'] =>
  async ({ sessionId }) => {
    const { tasks, sourceSeq } = await sessionSnapshot(deps.db.of(), currentTenant(), sessionId);
    return create(GetSessionTasksResponseSchema, { tasks: tasks.map(taskMessage), sourceSeq });
  };
