import type { QueueLevel, TaskType } from '../../../gen/autosession/task/v1/task_pb.js';

/** The states of a task, by their REST names; `store/stored-status.ts` maps them to the stored names. */
export const taskStatuses = [
  'pending',
  'held',
  'leased',
  'fetched',
  'unknown',
  'completed',
  'failed',
  'cancelled',
  'dead',
] as const;
export type TaskStatusName = (typeof taskStatuses)[number];

/** A task. Times are epoch milliseconds. */
export interface StoredTask {
  tenant: string;
  taskId: string;
  sessionId: string;
  externalTaskId: string;
  taskType: TaskType;
  level: QueueLevel;
  priority: number;
  /** Computed from level and priority; lower is dispatched first. */
  queueRank: number;
  status: TaskStatusName;
  sendContent: string;
  /** See contentHash(). */
  contentHash: string;
  sendUrl: string;
  accountId: string;
  shopId: string;
  shopName: string;
  platform: string;
  accountKey: string;
  shopKey: string;
  /** The epoch of the session in which it was created. */
  ownerEpoch: number;
  vip: boolean;
  /** How often it was fetched, and how often it may be. */
  attempt: number;
  maxAttempts: number;
  /** The number of attempts that were proved unsent and do not count. */
  unsentProofs: number;
  /** The number of consecutive leases that expired before a fetch. */
  lostLeases: number;
  /** The worker of the newest lease. */
  workerId: string;
  /** Raised by every claim. */
  leaseFence: number;
  /** The token of the newest lease, even after it has ended; empty before the first. */
  leaseToken: string;
  leaseExpiresAt?: number;
  /** The newest lease under which the content was fetched, and its token. */
  fetchedFence: number;
  fetchedToken: string;
  fetchedAt?: number;
  /** The newest lease that was reported as not sent; 0 if none. */
  failedFence: number;
  /** When it can be claimed. */
  runAt: number;
  notBeforeAt?: number;
  unknownAt?: number;
  /** When it was reported that it stays unknown. */
  remindedAt?: number;
  finishedAt?: number;
  /** The last failure, or the reason of its withdrawal. */
  errorMessage: string;
  matchedMessageId: string;
  /** The agent who wrote the content, and the message that it is; both empty for a bot's task. */
  agentId: string;
  messageId: string;
  /** The order of an agent's tasks in their session; 0 for a bot's task. */
  messageOrder: number;
  /** The epoch of the change that withdrew an agent's task; 0 if none did. */
  withdrawnEpoch: number;
  createdAt: number;
  updatedAt: number;
  version: number;
}

/** Whether a human agent wrote the content. */
export function isAgentTask({ agentId }: Pick<StoredTask, 'agentId'>): boolean {
  return agentId !== '';
}

const finished: readonly TaskStatusName[] = ['completed', 'failed', 'cancelled', 'dead'];

export function isFinished(status: TaskStatusName): boolean {
  return finished.includes(status);
}

export const openStatuses: readonly TaskStatusName[] = taskStatuses.filter((status) => !isFinished(status));

/** The states in which the task may have been sent without a report. */
export const unsettledStatuses: readonly TaskStatusName[] = ['fetched', 'unknown'];

/** The states in which a task is still to be sent, or is being sent. */
export const unsentStatuses: readonly TaskStatusName[] = ['pending', 'held', 'leased', 'fetched'];

/** More unsent tasks of agents in one session are refused. */
export const MAX_UNSENT = 100;

/** Reasons of tasks that were withdrawn because the bot lost control. */
export const HANDED_OVER = 'handed_over';
export const SESSION_CLOSED = 'session_closed';
