import type { QueueLevel, TaskType } from '../../../gen/autosession/task/v1/task_pb.js';

/** The states of a task, as REST names them; `store/stored-status.ts` has the words of the database. */
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

/** A task with everything that task-dispatch knows of it. Times are epoch milliseconds. */
export interface StoredTask {
  tenant: string;
  taskId: string;
  sessionId: string;
  externalTaskId: string;
  taskType: TaskType;
  level: QueueLevel;
  priority: number;
  /** Made of level and priority; lower is handed out first. */
  queueRank: number;
  status: TaskStatusName;
  sendContent: string;
  /** Of the content as it is compared with messages. */
  contentHash: string;
  sendUrl: string;
  accountId: string;
  shopId: string;
  shopName: string;
  platform: string;
  accountKey: string;
  shopKey: string;
  /** The session's epoch that it was made in. */
  ownerEpoch: number;
  vip: boolean;
  /** How often it was handed out, and how often it may be. */
  attempt: number;
  maxAttempts: number;
  /** How many of the attempts do not count because they were proved unsent. */
  unsentProofs: number;
  /** How many leases ran out before the fetch. */
  lostLeases: number;
  /** Who has, or last had, the lease. */
  workerId: string;
  /** Raised by every claim. */
  leaseFence: number;
  /** Of the newest lease, also after its end; empty before the first. */
  leaseToken: string;
  leaseExpiresAt?: number;
  /** The newest lease whose holder has fetched the content, and its token. */
  fetchedFence: number;
  fetchedToken: string;
  fetchedAt?: number;
  /** The newest lease whose holder said that it was not sent; 0 if none. */
  failedFence: number;
  /** When it may be handed out. */
  runAt: number;
  notBeforeAt?: number;
  unknownAt?: number;
  /** When somebody was told that it stays unknown. */
  remindedAt?: number;
  finishedAt?: number;
  /** The last failure, or why it was withdrawn. */
  errorMessage: string;
  matchedMessageId: string;
  createdAt: number;
  updatedAt: number;
  version: number;
}

const finished: readonly TaskStatusName[] = ['completed', 'failed', 'cancelled', 'dead'];

/** Whether nothing is awaited of the task any more. */
export function isFinished(status: TaskStatusName): boolean {
  return finished.includes(status);
}

/** The states of a task that is not finished. */
export const openStatuses: readonly TaskStatusName[] = taskStatuses.filter((status) => !isFinished(status));

/** The states in which the content may be out without anybody having said what became of it. */
export const unsettledStatuses: readonly TaskStatusName[] = ['fetched', 'unknown'];

/** Why a task was withdrawn when the bot lost the word. */
export const HANDED_OVER = 'handed_over';
export const SESSION_CLOSED = 'session_closed';
