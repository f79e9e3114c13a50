import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { ListTasksResponseSchema, type TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { TaskDeps } from '../deps.ts';
import { decodeTaskCursor, encodeTaskCursor } from '../domain/task-cursor.ts';
import { statusFromProto, taskToProto } from '../domain/task-to-proto.ts';
import { findTaskPage as list } from '../store/task-queries.ts';

const DEFAULT_PAGE = 20;

export const listTasks =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['listTasks'] =>
  async (request) => {
    const size = request.pageSize || DEFAULT_PAGE;
    const filter = { status: statusFromProto(request.status), sessionId: request.sessionId || undefined };
    const page = { after: decodeTaskCursor(request.pageToken), limit: size + 1 };
    const found = await list(deps.db.autocommit(), currentTenant(), { ...filter, ...page });
    const tasks = found.slice(0, size);
    const last = tasks.at(-1);
    const nextPageToken = last && found.length > size ? encodeTaskCursor(last) : '';
    return create(ListTasksResponseSchema, { tasks: tasks.map(taskToProto), nextPageToken });
  };
