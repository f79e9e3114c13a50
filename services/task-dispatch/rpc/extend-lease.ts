import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type ExtendLeaseRequest,
  ExtendLeaseResponseSchema,
  type TaskService,
} from '../../../gen/autosession/task/v1/task_service_pb.js';
import { changeSessions } from '../change-sessions.ts';
import { mustFindTask } from '../commands/report.ts';
import type { TaskDeps } from '../deps.ts';
import { leaveToAct } from '../domain/fence.ts';
import { hasLease } from '../domain/fetch.ts';
import { handedOver, leaseLost, mustBeOpen, taskNotFound } from '../domain/refusals.ts';
import type { StoredTask } from '../domain/task.ts';
import { taskMessage } from '../domain/task-message.ts';
import { extendReceipt } from '../store/receipts.ts';
import type { SessionUnit } from '../store/session-unit.ts';

export const extendLease =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['extendLease'] =>
  async (request) => {
    const { sessionId } = await mustFindTask(deps, request.taskId);
    const seconds = request.seconds ?? deps.config.leaseSeconds;
    const task = await changeSessions(deps, 'extend', [sessionId], (unit) => extend(unit, request, seconds * 1_000));
    return create(ExtendLeaseResponseSchema, { task: taskMessage(task) });
  };

async function extend(
  unit: SessionUnit,
  { taskId, leaseToken }: ExtendLeaseRequest,
  byMs: number,
): Promise<StoredTask> {
  const task = await unit.lockTask(taskId);
  if (!task) throw taskNotFound(taskId);
  const fence = unit.fence(task.sessionId);
  mustBeOpen(fence, task);
  if (!hasLease(task, leaseToken, unit.now)) throw leaseLost(task);
  if (leaveToAct(fence, task) === 'handed_over') throw handedOver(fence, task);
  const leaseExpiresAt = unit.now + byMs;
  // what a batch has to show to prove it unsent grows with the lease
  if (task.status === 'sent') await extendReceipt(unit.tx, task, leaseExpiresAt);
  return unit.amend(task, { leaseExpiresAt });
}
