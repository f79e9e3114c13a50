import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type PossiblySent,
  PossiblySentSchema,
  type Task,
  TaskAuthor,
  TaskSchema,
  TaskStatus,
  TaskType,
  type UnsentMessage,
  UnsentMessageSchema,
} from '../../../gen/autosession/task/v1/task_pb.js';
import { isAgentTask, type StoredTask, type TaskStatusName } from './task.ts';

/** The placeholder values of a lookup address. */
export function placeholderValues(task: StoredTask): Record<string, string> {
  return {
    external_task_id: task.externalTaskId,
    task_id: task.taskId,
    session_id: task.sessionId,
    task_type: TaskType[task.taskType].toLowerCase(),
    account_id: task.accountId,
    shop_id: task.shopId,
    shop_name: task.shopName,
    platform: task.platform,
    tenant: task.tenant,
  };
}

export function statusToProto(status: TaskStatusName): TaskStatus {
  return TaskStatus[status.toUpperCase() as Uppercase<TaskStatusName>];
}

/** Undefined for an unset status. */
export function statusFromProto(status: TaskStatus): TaskStatusName | undefined {
  return status === TaskStatus.UNSPECIFIED ? undefined : (TaskStatus[status].toLowerCase() as TaskStatusName);
}

/** The numeric code of a status: 0 open, 1 done, 2 failed or withdrawn. */
export function statusCode(status: TaskStatusName): number {
  if (status === 'completed') return 1;
  return status === 'failed' || status === 'cancelled' || status === 'dead' ? 2 : 0;
}

export function taskToProto(task: StoredTask): Task {
  return create(TaskSchema, {
    taskId: task.taskId,
    sessionId: task.sessionId,
    externalTaskId: task.externalTaskId,
    taskType: task.taskType,
    taskStatus: statusToProto(task.status),
    taskStatusCode: statusCode(task.status),
    sendContent: task.sendContent,
    sendUrl: task.sendUrl,
    level: task.level,
    priority: task.priority,
    accountId: task.accountId,
    shopId: task.shopId,
    shopName: task.shopName,
    platform: task.platform,
    ownerEpoch: task.ownerEpoch,
    attempt: task.attempt,
    maxAttempts: task.maxAttempts,
    workerId: task.workerId,
    leaseExpiresAt: toTimestamp(task.leaseExpiresAt),
    notBeforeAt: toTimestamp(task.notBeforeAt),
    fetchedAt: toTimestamp(task.fetchedAt),
    sentAt: toTimestamp(task.fetchedAt),
    finishedAt: toTimestamp(task.finishedAt),
    errorMessage: task.errorMessage,
    createdAt: toTimestamp(task.createdAt),
    updatedAt: toTimestamp(task.updatedAt),
    vip: task.vip,
    matchedMessageId: task.matchedMessageId,
    author: authorOf(task),
    agentId: task.agentId,
    messageId: task.messageId,
  });
}

/** The task of an event. Without the content: streams show events. */
export function eventTaskToProto(task: StoredTask): Task {
  return taskToProto({ ...task, sendContent: '' });
}

function authorOf(task: StoredTask): TaskAuthor {
  return isAgentTask(task) ? TaskAuthor.AGENT : TaskAuthor.BOT;
}

/** An agent's message that was withdrawn. */
export function unsentToProto({ taskId, messageId, sendContent, createdAt }: StoredTask): UnsentMessage {
  return create(UnsentMessageSchema, { taskId, messageId, content: sendContent, createdAt: toTimestamp(createdAt) });
}

/** A task that may have been sent, for the agent who takes control, and for the one who gave it back. */
export function possiblySentToProto(task: StoredTask): PossiblySent {
  return create(PossiblySentSchema, {
    taskId: task.taskId,
    taskStatus: statusToProto(task.status),
    sendContent: task.sendContent,
    fetchedAt: toTimestamp(task.fetchedAt),
    sentAt: toTimestamp(task.fetchedAt),
    workerId: task.workerId,
    leaseExpiresAt: toTimestamp(task.leaseExpiresAt),
    author: authorOf(task),
    messageId: task.messageId,
  });
}

export function toTimestamp(ms: number | undefined) {
  return ms === undefined ? undefined : timestampFromMs(ms);
}
