import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { GetSendInfoResponseSchema, type TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { changeSessions } from '../change-sessions.ts';
import { mustFindTask } from '../commands/report.ts';
import type { TaskDeps } from '../deps.ts';
import { decideFetch } from '../domain/fetch.ts';
import { taskNotFound } from '../domain/refusals.ts';
import type { StoredTask } from '../domain/task.ts';
import { timestamp } from '../domain/task-message.ts';
import { insertReceipt, receiptOf } from '../store/receipts.ts';
import type { SessionUnit } from '../store/session-unit.ts';

/** Lease and fence are checked, and the fetch is recorded, in the transaction that every raise of the fence waits for. */
export const getSendInfo =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['getSendInfo'] =>
  async ({ taskId, leaseToken }) => {
    const { sessionId } = await mustFindTask(deps, taskId);
    const task = await changeSessions(deps, 'fetch', [sessionId], async (unit) => {
      const task = await unit.lockTask(taskId);
      if (!task) throw taskNotFound(taskId);
      const request = { token: leaseToken, strict: deps.config.strictLease, now: unit.now };
      return decideFetch(task, unit.fence(sessionId), request) === 'fetch' ? fetch(unit, task) : task;
    });
    return sendInfo(task);
  };

async function fetch(unit: SessionUnit, task: StoredTask): Promise<StoredTask> {
  const cause = { actor: task.workerId || 'sender', reason: 'fetched' };
  const sent = await unit.apply(task, 'fetch', cause, {
    attempt: task.attempt + 1,
    fetchedFence: task.leaseFence,
    fetchedToken: task.leaseToken,
    fetchedAt: unit.now,
    lostLeases: 0,
  });
  await insertReceipt(unit.tx, receiptOf(sent));
  return sent;
}

function sendInfo(task: StoredTask) {
  return create(GetSendInfoResponseSchema, {
    sendContent: task.sendContent,
    sendUrl: task.sendUrl,
    shopName: task.shopName,
    accountId: task.accountId,
    shopId: task.shopId,
    platform: task.platform,
    taskType: task.taskType,
    attempt: task.attempt,
    taskId: task.taskId,
    sessionId: task.sessionId,
    leaseExpiresAt: timestamp(task.leaseExpiresAt),
  });
}
