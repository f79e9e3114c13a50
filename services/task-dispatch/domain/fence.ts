import { Control } from '../../../gen/autosession/control/v1/control_pb.js';
import { HANDED_OVER, SESSION_CLOSED, type StoredTask } from './task.ts';
import type { TaskCommand } from './transitions.ts';

export type ControlName = 'unspecified' | 'bot_active' | 'pending_manual' | 'manual_live' | 'closed';

/** The control of a session as task-dispatch knows it, and its counters per session. */
export interface Fence {
  tenant: string;
  sessionId: string;
  sessionName: string;
  ownerEpoch: number;
  status: ControlName;
  paused: boolean;
  /** Tasks of earlier epochs are withdrawn. */
  tasksFromEpoch: number;
  /** The number of the last emitted event of the session. */
  sourceSeq: number;
  /** The number of its unfinished tasks. */
  openTasks: number;
  updatedAt: number;
}

/** The control of a session from an epoch on, sent by the session service. */
export interface ControlUpdate {
  readonly sessionId: string;
  readonly sessionName?: string;
  readonly ownerEpoch: number;
  readonly status: ControlName;
  readonly paused: boolean;
  readonly tasksFromEpoch: number;
}

export function toControlName(control: Control): ControlName {
  return Control[control].toLowerCase() as ControlName;
}

/** The fence of a session that has none yet. */
export function newFence(tenant: string, update: ControlUpdate, now: number): Fence {
  const { sessionId, sessionName = sessionId, ownerEpoch, status, paused, tasksFromEpoch } = update;
  const counted = { sourceSeq: 0, openTasks: 0, updatedAt: now };
  return { tenant, sessionId, sessionName, ownerEpoch, status, paused, tasksFromEpoch, ...counted };
}

/** The fence after the update; undefined when the update is not newer. */
export function applyControlUpdate(fence: Fence, update: ControlUpdate, now: number): Fence | undefined {
  if (update.ownerEpoch <= fence.ownerEpoch) return undefined;
  return {
    ...fence,
    sessionName: update.sessionName ?? fence.sessionName,
    ownerEpoch: update.ownerEpoch,
    status: update.status,
    paused: update.paused,
    tasksFromEpoch: update.tasksFromEpoch,
    updatedAt: now,
  };
}

export type SendPermission = 'yes' | 'paused' | 'handed_over';

/** Whether a task may be sent. Without a fence it may not. */
export function sendPermission(fence: Fence | undefined, task: Pick<StoredTask, 'ownerEpoch'>): SendPermission {
  if (fence?.status !== 'bot_active' || task.ownerEpoch < fence.tasksFromEpoch) return 'handed_over';
  return fence.paused ? 'paused' : 'yes';
}

/** Why the tasks of this fence are withdrawn. */
export function withdrawalReason(fence: Fence | undefined): string {
  return fence?.status === 'closed' ? SESSION_CLOSED : HANDED_OVER;
}

/**
 * The command of a fence on a task whose content was not fetched; undefined for none. A task of a later epoch than that of the
 * fence is held until the fence is raised.
 */
export function fenceCommand(fence: Fence, task: StoredTask): TaskCommand | undefined {
  const { status } = task;
  if (status !== 'pending' && status !== 'held' && status !== 'leased') return undefined;
  const ahead = task.ownerEpoch > fence.ownerEpoch;
  const permission = sendPermission(fence, task);
  if (permission === 'handed_over' && !ahead) return 'hand_over';
  if (permission === 'yes') return status === 'held' ? 'unhold' : undefined;
  return status === 'held' ? undefined : 'hold';
}
