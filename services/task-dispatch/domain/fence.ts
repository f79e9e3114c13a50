import { Control } from '../../../gen/autosession/control/v1/control_pb.js';
import { HANDED_OVER, isAgentTask, SESSION_CLOSED, type StoredTask } from './task.ts';
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
  /** The agent in control; empty without one, and for a human in the shop's own window. */
  agentId: string;
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
  readonly agentId: string;
  readonly tasksFromEpoch: number;
}

export function toControlName(control: Control): ControlName {
  return Control[control].toLowerCase() as ControlName;
}

/** The fence of a session that has none yet. */
export function newFence(tenant: string, update: ControlUpdate, now: number): Fence {
  const { sessionId, sessionName = sessionId, ownerEpoch, status, paused, agentId, tasksFromEpoch } = update;
  const counted = { sourceSeq: 0, openTasks: 0, updatedAt: now };
  return { tenant, sessionId, sessionName, ownerEpoch, status, paused, agentId, tasksFromEpoch, ...counted };
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
    agentId: update.agentId,
    tasksFromEpoch: update.tasksFromEpoch,
    updatedAt: now,
  };
}

export type SendPermission = 'yes' | 'paused' | 'handed_over';

/** What decides whether a task may be sent. */
export type TaskAuthorship = Pick<StoredTask, 'ownerEpoch' | 'agentId'>;

/** Whether a task may be sent: its author, a bot or one agent, is in control. Without a fence it may not. */
export function sendPermission(fence: Fence | undefined, task: TaskAuthorship): SendPermission {
  if (!fence || !isAuthorInControl(fence, task) || task.ownerEpoch < fence.tasksFromEpoch) return 'handed_over';
  return fence.paused ? 'paused' : 'yes';
}

function isAuthorInControl({ status, agentId }: Fence, task: TaskAuthorship): boolean {
  return isAgentTask(task) ? status === 'manual_live' && agentId === task.agentId : status === 'bot_active';
}

/** Why the tasks of this fence are withdrawn. */
export function withdrawalReason(fence: Fence | undefined): string {
  return fence?.status === 'closed' ? SESSION_CLOSED : HANDED_OVER;
}

/**
 * The command of a fence on a task whose content was not fetched; undefined for none. A task of a later epoch than that of the
 * fence is held until the fence is raised. Which of an agent's held tasks is next is decided by orderAgentTasks().
 */
export function fenceCommand(fence: Fence, task: StoredTask): TaskCommand | undefined {
  const { status } = task;
  if (status !== 'pending' && status !== 'held' && status !== 'leased') return undefined;
  const ahead = task.ownerEpoch > fence.ownerEpoch;
  const permission = sendPermission(fence, task);
  if (permission === 'handed_over' && !ahead) return 'hand_over';
  if (permission === 'yes') return status === 'held' && !isAgentTask(task) ? 'unhold' : undefined;
  return status === 'held' ? undefined : 'hold';
}
