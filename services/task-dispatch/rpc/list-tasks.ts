import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { ListTasksResponseSchema, type TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { currentTenant } from '../../lib/context.ts';
import type { TaskDeps } from '../deps.ts';
import { pageToken, placeOf } from '../domain/page-token.ts';
import { statusWord, taskMessage } from '../domain/task-message.ts';
import { listTasks as list } from '../store/lists.ts';

const DEFAULT_PAGE = 20;

export const listTasks =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['listTasks'] =>
  async (request) => {
    const size = request.pageSize || DEFAULT_PAGE;
    const filter = { status: statusWord(request.status), sessionId: request.sessionId || undefined };
    const page = { after: placeOf(request.pageToken), limit: size + 1 };
    const found = await list(deps.db.of(), currentTenant(), { ...filter, ...page });
    const tasks = found.slice(0, size);
    const last = tasks.at(-1);
    const nextPageToken = last && found.length > size ? pageToken(last) : '';
    return create(ListTasksResponseSchema, { tasks: tasks.map(taskMessage), nextPageToken });
  };
