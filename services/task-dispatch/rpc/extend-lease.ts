import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type ExtendLeaseRequest,
  ExtendLeaseResponseSchema,
  type TaskService,
} from '../../../gen/autosession/task/v1/task_service_pb.js';
import { requireTask } from '../commands/report-task.ts';
import type { TaskDeps } from '../deps.ts';
import { hasLease } from '../domain/decide-fetch.ts';
import { sendPermission } from '../domain/fence.ts';
import type { StoredTask } from '../domain/task.ts';
import { assertOpen, handedOver, leaseLost, taskNotFound } from '../domain/task-errors.ts';
import { taskToProto } from '../domain/task-to-proto.ts';
import { extendReceipt } from '../store/receipts.ts';
import { TaskUnitOfWork } from '../unit-of-work/task-unit-of-work.ts';

export const extendLease =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['extendLease'] =>
  async (request) => {
    const { sessionId } = await requireTask(deps, request.taskId);
    const seconds = request.seconds ?? deps.config.leaseSeconds;
    const task = await TaskUnitOfWork.run(deps, 'extend', { sessionIds: [sessionId] }, (unit) =>
      extend(unit, request, seconds * 1_000),
    );
    return create(ExtendLeaseResponseSchema, { task: taskToProto(task) });
  };

async function extend(
  unit: TaskUnitOfWork,
  { taskId, leaseToken }: ExtendLeaseRequest,
  byMs: number,
): Promise<StoredTask> {
  const task = await unit.lockTask(taskId);
  if (!task) throw taskNotFound(taskId);
  const fence = unit.fence(task.sessionId);
  assertOpen(fence, task);
  if (!hasLease(task, leaseToken, unit.now)) throw leaseLost(task);
  if (sendPermission(fence, task) === 'handed_over') throw handedOver(fence, task);
  const leaseExpiresAt = unit.now + byMs;
  // a batch must cover the whole lease to prove that the task was not sent
  if (task.status === 'fetched') await extendReceipt(unit.tx, task, leaseExpiresAt);
  return unit.amend(task, { leaseExpiresAt });
}
