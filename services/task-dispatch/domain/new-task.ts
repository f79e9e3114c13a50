import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { TaskSpec } from '../../../gen/autosession/task/v1/task_pb.js';
import { contentHash } from './content-hash.ts';
import { AGENT_RANK, levelOf, queueRank, taskPriority } from './queue-priority.ts';
import { isAgentTask, type StoredTask } from './task.ts';

/** The pending task of a spec. */
export function newTask(spec: TaskSpec, tenant: string, now: number): StoredTask {
  const level = levelOf(spec.level);
  const priority = taskPriority(spec.taskType);
  const rank = isAgentTask(spec) ? AGENT_RANK : queueRank(level, priority);
  const notBeforeAt = spec.notBeforeAt && timestampMs(spec.notBeforeAt);
  return {
    tenant,
    taskId: spec.taskId,
    sessionId: spec.sessionId,
    externalTaskId: spec.externalTaskId,
    taskType: spec.taskType,
    level,
    priority,
    queueRank: rank,
    status: 'pending',
    sendContent: spec.sendContent,
    contentHash: contentHash(spec.sendContent),
    sendUrl: spec.sendUrl,
    accountId: spec.accountId,
    shopId: spec.shopId,
    shopName: spec.shopName,
    platform: spec.platform,
    accountKey: spec.accountKey,
    shopKey: spec.shopKey,
    ownerEpoch: spec.ownerEpoch,
    vip: spec.vip,
    attempt: 0,
    maxAttempts: Math.max(1, spec.maxAttempts),
    unsentProofs: 0,
    lostLeases: 0,
    workerId: '',
    leaseFence: 0,
    leaseToken: '',
    fetchedFence: 0,
    fetchedToken: '',
    failedFence: 0,
    // by this service's clock: that of the session service may be ahead
    runAt: Math.max(now, notBeforeAt ?? now),
    notBeforeAt,
    errorMessage: '',
    matchedMessageId: '',
    agentId: spec.agentId,
    messageId: spec.messageId,
    messageOrder: 0,
    withdrawnEpoch: 0,
    createdAt: spec.createdAt ? timestampMs(spec.createdAt) : now,
    updatedAt: now,
    version: 1,
  };
}
