import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { GetSendInfoResponseSchema, type TaskService } from '../../../gen/autosession/task/v1/task_service_pb.js';
import { fetchTask } from '../commands/fetch-task.ts';
import { resolveSendUrl } from '../commands/resolve-send-url.ts';
import type { TaskDeps } from '../deps.ts';
import type { StoredTask } from '../domain/task.ts';
import { toTimestamp } from '../domain/task-to-proto.ts';

/** A send URL is looked up between two transactions, never within one. A task that needs no lookup has one transaction. */
export const getSendInfo =
  (deps: TaskDeps): ServiceImpl<typeof TaskService>['getSendInfo'] =>
  async (request) => {
    const task = await fetchTask(deps, request);
    if (task.status !== 'leased' || !deps.sendUrls) return sendInfo(task);
    return sendInfo(await fetchTask(deps, request, await resolveSendUrl(deps, deps.sendUrls, task)));
  };

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
    leaseExpiresAt: toTimestamp(task.leaseExpiresAt),
  });
}
