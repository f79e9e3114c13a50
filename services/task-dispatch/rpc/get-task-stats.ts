import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { GetTaskStatsResponseSchema, type TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { TaskDeps } from '../deps.ts';
import { queueLevels } from '../domain/queue-priority.ts';
import { taskStatuses } from '../domain/task.ts';
import { countByStatus, depthByLevel } from '../store/task-queries.ts';

export const getTaskStats =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['getTaskStats'] =>
  async () => {
    const now = deps.clock.now();
    const counts = await countByStatus(deps.db.autocommit(), currentTenant());
    const depths = await depthByLevel(deps.db.autocommit(), currentTenant(), now);
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    return create(GetTaskStatsResponseSchema, {
      byStatus: Object.fromEntries(taskStatuses.map((status) => [status, counts.get(status) ?? 0])),
      levels: queueLevels.map((level) => {
        const { depth = 0, ready = 0, oldestReadyAt = now } = depths.get(level) ?? {};
        return { level, depth, ready, oldestAgeSeconds: Math.floor((now - oldestReadyAt) / 1_000) };
      }),
      total,
    });
  };
