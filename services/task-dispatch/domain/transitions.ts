import { TaskChange } from '../../../gen/autosession/event/v1/event_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import type { StoredTask, TaskStatusName } from './task.ts';

/** One row of the table: the effect of a command on a task in one of the states `from`. */
export interface TaskTransition {
  readonly command: string;
  readonly from: readonly TaskStatusName[];
  readonly to: TaskStatusName;
  /** The state that it leads to while the session is paused. */
  readonly whilePaused?: TaskStatusName;
  /** The change of its event; undefined when it has none. */
  readonly event?: TaskChange;
  /** For the documentation. */
  readonly note: string;
}

/** All transitions of a task. Nothing else sets its state. */
export const taskTransitions = [
  { command: 'claim', from: ['pending'], to: 'leased', note: 'a sender gets the lease' },
  {
    command: 'fetch',
    from: ['leased'],
    to: 'fetched',
    event: TaskChange.FETCHED,
    note: 'the sender reads the content',
  },
  {
    command: 'complete',
    from: ['pending', 'held', 'leased', 'fetched', 'unknown', 'failed', 'cancelled', 'dead'],
    to: 'completed',
    event: TaskChange.COMPLETED,
    note: 'a report or evidence says that it was sent',
  },
  {
    command: 'retry',
    from: ['leased', 'fetched', 'unknown'],
    to: 'pending',
    whilePaused: 'held',
    event: TaskChange.REQUEUED,
    note: 'it was not sent, and attempts remain',
  },
  {
    command: 'fail_final',
    from: ['leased', 'fetched', 'unknown'],
    to: 'failed',
    event: TaskChange.FAILED,
    note: 'it was not sent, and no attempt remains',
  },
  {
    command: 'release',
    from: ['leased'],
    to: 'pending',
    whilePaused: 'held',
    event: TaskChange.REQUEUED,
    note: 'the sender releases the lease',
  },
  {
    command: 'requeue',
    from: ['unknown', 'failed', 'dead'],
    to: 'pending',
    whilePaused: 'held',
    event: TaskChange.REQUEUED,
    note: 'an operator or the policy decides that it is sent (again)',
  },
  {
    command: 'prove_unsent',
    from: ['unknown'],
    to: 'pending',
    whilePaused: 'held',
    event: TaskChange.REQUEUED,
    note: 'the chat window shows that it was not sent',
  },
  {
    command: 'cancel',
    from: ['pending', 'held', 'leased'],
    to: 'cancelled',
    event: TaskChange.CANCELLED,
    note: 'a caller withdraws it',
  },
  {
    command: 'withdraw',
    from: ['pending', 'held'],
    to: 'failed',
    event: TaskChange.FAILED,
    note: 'a report says that it was not sent, and no sender has ever had it',
  },
  {
    command: 'hand_over',
    from: ['pending', 'held', 'leased', 'fetched', 'unknown'],
    to: 'cancelled',
    event: TaskChange.CANCELLED,
    note: 'the bot has lost control, and the task is known to be unsent',
  },
  { command: 'hold', from: ['pending', 'leased'], to: 'held', note: 'the session is paused' },
  { command: 'unhold', from: ['held'], to: 'pending', note: 'the session is resumed' },
  { command: 'expire_lease', from: ['leased'], to: 'pending', note: 'the lease ran out before the fetch' },
  {
    command: 'dead_letter',
    from: ['leased'],
    to: 'dead',
    event: TaskChange.DEAD,
    note: 'too many leases ran out unfetched',
  },
  {
    command: 'mark_unknown',
    from: ['fetched'],
    to: 'unknown',
    event: TaskChange.UNKNOWN,
    note: 'the lease ran out after the fetch',
  },
] as const satisfies readonly TaskTransition[];

export type TaskCommand = (typeof taskTransitions)[number]['command'];

/** The row of `command` for a task in `status`, or undefined when the table has none. */
export function findTaskTransition(status: TaskStatusName, command: TaskCommand): TaskTransition | undefined {
  return taskTransitions.find((row: TaskTransition) => row.command === command && row.from.includes(status));
}

/** The commands that the table accepts in `status`. */
function allowedCommands(status: TaskStatusName): TaskCommand[] {
  return taskTransitions.filter((row: TaskTransition) => row.from.includes(status)).map((row) => row.command);
}

/** The requests of clients, by the commands that they lead to. */
const callerCommandNames: Partial<Record<TaskCommand, string>> = {
  complete: 'complete',
  fail_final: 'fail',
  requeue: 'requeue',
  release: 'requeue',
  cancel: 'cancel',
};

/** The requests that clients can make in `status`, by the names of the routes. */
export function callerCommands(status: TaskStatusName): string[] {
  return [...new Set(allowedCommands(status).flatMap((command) => callerCommandNames[command] ?? []))];
}

/** Throws INVALID_TASK_STATUS when the table has no row. */
export function requireTaskTransition(task: StoredTask, command: TaskCommand): TaskTransition {
  const row = findTaskTransition(task.status, command);
  if (!row)
    throw appError(ErrorReason.INVALID_TASK_STATUS, `${command} is not possible on a task that is ${task.status}`, {
      task_id: task.taskId,
      task_status: task.status,
      command,
      allowed: callerCommands(task.status).join(','),
    });
  return row;
}
