import { create } from '@bufbuild/protobuf';
import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { QueueLevel, type TaskSpec, TaskSpecSchema } from '../../../gen/autosession/task/v1/task_pb.js';
import type { SessionRecord } from './session.ts';

/** The task fields of a request. */
export interface TaskParams {
  readonly externalTaskId: string;
  readonly sendContent: string;
  readonly level: QueueLevel;
  readonly sendUrl: string;
  readonly notBeforeAt?: Timestamp;
  readonly maxAttempts?: number;
}

/** The task of a request in a session. It is withdrawn when the bot loses control after `ownerEpoch`. */
export function taskSpec(
  session: SessionRecord,
  params: TaskParams,
  task: { readonly taskId: string; readonly ownerEpoch: number; readonly createdAt: number },
): TaskSpec {
  return create(TaskSpecSchema, {
    taskId: task.taskId,
    sessionId: session.sessionId,
    ownerEpoch: task.ownerEpoch,
    externalTaskId: params.externalTaskId,
    taskType: session.taskType,
    level: params.level || QueueLevel.LEVEL3,
    sendContent: params.sendContent,
    sendUrl: params.sendUrl,
    accountId: session.accountId,
    shopId: session.shopId,
    shopName: session.shopName,
    platform: session.platform,
    accountKey: session.accountKey,
    shopKey: session.shopKey,
    notBeforeAt: params.notBeforeAt,
    maxAttempts: params.maxAttempts ?? 1,
    vip: session.vip,
    createdAt: timestampFromMs(task.createdAt),
  });
}
