import { Source, type TaskChange } from '../../../gen/autosession/event/v1/event_pb.js';
import type { EventInit } from '../../lib/messaging/outbox/outbox.ts';
import type { Fence } from '../domain/fence.ts';
import { isFinished, type StoredTask, type TaskStatusName } from '../domain/task.ts';
import { eventTaskToProto, statusToProto } from '../domain/task-to-proto.ts';
import type { TaskCommand } from '../domain/transitions.ts';

/** Who changed a task, and why. */
export interface Cause {
  readonly actor: string;
  readonly reason: string;
}

/** One event about a task. */
export interface TaskEvent extends Cause {
  readonly task: StoredTask;
  /** The state before; undefined for a new task. */
  readonly before?: TaskStatusName;
  readonly change: TaskChange;
}

/** A change that has no event; it is only logged. */
export interface SilentChange {
  readonly task: StoredTask;
  readonly command: TaskCommand;
  readonly reason: string;
}

/** What one transaction does to tasks, for the log, the metrics and the queue. */
export class TaskChanges {
  /** In order. */
  readonly events: TaskEvent[] = [];
  readonly silent: SilentChange[] = [];
  /** The tasks that can be claimed now, by id, and the ids of those that cannot any more. */
  readonly becameReady = new Map<string, StoredTask>();
  readonly noLongerReady = new Set<string>();

  /** Notes whether the task can be claimed now. `before` is undefined for a new task. */
  trackReadiness(before: StoredTask | undefined, after: StoredTask): void {
    if (after.status === 'pending') {
      this.becameReady.set(after.taskId, after);
      this.noLongerReady.delete(after.taskId);
    } else if (before?.status === 'pending') {
      this.becameReady.delete(after.taskId);
      this.noLongerReady.add(after.taskId);
    }
  }

  /** Whether the task is open after its last event in this transaction. */
  isOpenAtEnd(task: StoredTask): boolean {
    const last = this.events.findLast((event) => event.task.taskId === task.taskId);
    return !isFinished((last?.task ?? task).status);
  }
}

/** The event as it is emitted, with the number that the fence has counted for it. */
export function taskEventToProto(
  { task, before, change, actor, reason }: TaskEvent,
  { sessionName, sourceSeq }: Fence,
  othersOpen: boolean,
): EventInit {
  return {
    source: Source.TASK_DISPATCH,
    sessionId: task.sessionId,
    sourceSeq,
    sessionName,
    accountId: task.accountId,
    shopId: task.shopId,
    payload: {
      case: 'taskChanged',
      value: {
        task: eventTaskToProto(task),
        change,
        previousStatus: before && statusToProto(before),
        reason,
        actor,
        othersOpen,
      },
    },
  };
}
