import { Control } from '../../../gen/autosession/control/v1/control_pb.js';
import { HANDED_OVER, SESSION_CLOSED, type StoredTask } from './task.ts';
import type { TaskCommand } from './transitions.ts';

export type ControlName = 'unspecified' | 'bot_active' | 'pending_manual' | 'manual_live' | 'closed';

/** Who may speak in a session, as far as task-dispatch was told; and what it counts per session. */
export interface Fence {
  tenant: string;
  sessionId: string;
  sessionName: string;
  ownerEpoch: number;
  status: ControlName;
  paused: boolean;
  /** The first epoch whose tasks may act. */
  tasksFromEpoch: number;
  /** The number of the last event that was emitted for the session. */
  sourceSeq: number;
  /** How many of its tasks are not finished. */
  openTasks: number;
  updatedAt: number;
}

/** Who may speak from an epoch on, as the session service says it. */
export interface ControlUpdate {
  readonly sessionId: string;
  readonly sessionName?: string;
  readonly ownerEpoch: number;
  readonly status: ControlName;
  readonly paused: boolean;
  readonly tasksFromEpoch: number;
}

/** The word for a control. */
export function toControlName(control: Control): ControlName {
  return Control[control].toLowerCase() as ControlName;
}

/** The fence of a session that nothing is stored of yet. */
export function newFence(tenant: string, update: ControlUpdate, now: number): Fence {
  const { sessionId, sessionName = sessionId, ownerEpoch, status, paused, tasksFromEpoch } = update;
  const counted = { sourceSeq: 0, openTasks: 0, updatedAt: now };
  return { tenant, sessionId, sessionName, ownerEpoch, status, paused, tasksFromEpoch, ...counted };
}

/** The fence after the word, or undefined when the word is not newer. */
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

/** Whether a task may act. A missing fence means no. */
export function sendPermission(fence: Fence | undefined, task: Pick<StoredTask, 'ownerEpoch'>): SendPermission {
  if (fence?.status !== 'bot_active' || task.ownerEpoch < fence.tasksFromEpoch) return 'handed_over';
  return fence.paused ? 'paused' : 'yes';
}

/** Why the tasks of this fence are withdrawn. */
export function withdrawalReason(fence: Fence | undefined): string {
  return fence?.status === 'closed' ? SESSION_CLOSED : HANDED_OVER;
}

/**
 * What a raised fence does to a task whose content is not out; undefined for nothing. A task from a later epoch than the
 * fence knows waits for the fence to catch up.
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
