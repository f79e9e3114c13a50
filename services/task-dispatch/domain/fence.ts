import { Control } from '../../../gen/autosession/control/v1/control_pb.js';
import { HANDED_OVER, SESSION_CLOSED, type StoredTask } from './task.ts';
import type { TaskCommand } from './transitions.ts';

export type ControlWord = 'unspecified' | 'bot_active' | 'pending_manual' | 'manual_live' | 'closed';

/** Who may speak in a session, as far as task-dispatch was told; and what it counts per session. */
export interface Fence {
  tenant: string;
  sessionId: string;
  sessionName: string;
  ownerEpoch: number;
  status: ControlWord;
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
export interface Word {
  readonly sessionId: string;
  readonly sessionName?: string;
  readonly ownerEpoch: number;
  readonly status: ControlWord;
  readonly paused: boolean;
  readonly tasksFromEpoch: number;
}

/** The word for a control. */
export function controlWord(control: Control): ControlWord {
  return Control[control].toLowerCase() as ControlWord;
}

/** The fence of a session that nothing is stored of yet. */
export function newFence(tenant: string, word: Word, now: number): Fence {
  const { sessionId, sessionName = sessionId, ownerEpoch, status, paused, tasksFromEpoch } = word;
  const counted = { sourceSeq: 0, openTasks: 0, updatedAt: now };
  return { tenant, sessionId, sessionName, ownerEpoch, status, paused, tasksFromEpoch, ...counted };
}

/** The fence after the word, or undefined when the word is not newer. */
export function raised(fence: Fence, word: Word, now: number): Fence | undefined {
  if (word.ownerEpoch <= fence.ownerEpoch) return undefined;
  return {
    ...fence,
    sessionName: word.sessionName ?? fence.sessionName,
    ownerEpoch: word.ownerEpoch,
    status: word.status,
    paused: word.paused,
    tasksFromEpoch: word.tasksFromEpoch,
    updatedAt: now,
  };
}

export type Leave = 'yes' | 'paused' | 'handed_over';

/** Whether a task may act. A missing fence means no. */
export function leaveToAct(fence: Fence | undefined, task: Pick<StoredTask, 'ownerEpoch'>): Leave {
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
export function commandOfFence(fence: Fence, task: StoredTask): TaskCommand | undefined {
  const { status } = task;
  if (status !== 'pending' && status !== 'held' && status !== 'leased') return undefined;
  const ahead = task.ownerEpoch > fence.ownerEpoch;
  const leave = leaveToAct(fence, task);
  if (leave === 'handed_over' && !ahead) return 'hand_over';
  if (leave === 'yes') return status === 'held' ? 'unhold' : undefined;
  return status === 'held' ? undefined : 'hold';
}
