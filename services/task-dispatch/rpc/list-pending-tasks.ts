import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import { ListPendingTasksResponseSchema, type TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { TaskDeps } from '../deps.ts';
import type { StoredTask } from '../domain/task.ts';
import { taskToProto } from '../domain/task-to-proto.ts';
import { readyTasks, waitingTasks } from '../store/claims.ts';
import { taskOf } from '../store/tasks.ts';

const DEFAULT_LIMIT = 10;

export const listPendingTasks =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['listPendingTasks'] =>
  async (request) => {
    const limit = request.limit || DEFAULT_LIMIT;
    const pending = await pendingTasks(deps, limit);
    const states = await sessionStates(deps, pending);
    const tasks = pending.map((task) =>
      Object.assign(taskToProto(task), { sessionState: states.get(task.sessionId) ?? '' }),
    );
    return create(ListPendingTasksResponseSchema, { tasks, count: tasks.length, limit });
  };

/** Ready tasks first, then those that become ready later. */
async function pendingTasks(deps: TaskDeps, limit: number): Promise<StoredTask[]> {
  const now = deps.clock.now();
  const ready = await readyTasks(deps.db.autocommit(), currentTenant(), {}, now, limit).execute();
  const left = limit - ready.length;
  const waiting = left > 0 ? await waitingTasks(deps.db.autocommit(), currentTenant(), now, left).execute() : [];
  return [...ready, ...waiting].map(taskOf);
}

async function sessionStates(deps: TaskDeps, tasks: readonly StoredTask[]): Promise<Map<string, string>> {
  if (tasks.length === 0) return new Map();
  const sessionIds = [...new Set(tasks.map((task) => task.sessionId))];
  const { sessions } = await deps.sessions.batchGetSessions({ sessionIds });
  return new Map(sessions.map((session) => [session.sessionId, SessionState[session.state].toLowerCase()]));
}
