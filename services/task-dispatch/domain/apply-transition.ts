import type { TaskChange } from '../../../gen/autosession/event/v1/event_pb.js';
import { isFinished, type StoredTask } from './task.ts';
import { requireTaskTransition, type TaskCommand } from './transitions.ts';

/** What a command sets besides the state. */
export type TaskFields = Partial<Omit<StoredTask, 'tenant' | 'taskId' | 'sessionId' | 'status' | 'version'>>;

/** A task after a command, and the change of its event. */
export interface TransitionResult {
  readonly task: StoredTask;
  readonly changes: Partial<StoredTask>;
  readonly event?: TaskChange;
}

/** Applies a command to a task by the transition table. Throws INVALID_TASK_STATUS. */
export function applyTransition(
  task: StoredTask,
  command: TaskCommand,
  { fields = {}, paused, now }: { fields?: TaskFields; paused: boolean; now: number },
): TransitionResult {
  const row = requireTaskTransition(task, command);
  const status = paused && row.whilePaused ? row.whilePaused : row.to;
  const changes: Partial<StoredTask> = {
    // only a fetched or unknown task keeps the expiry of its lease
    ...(status === 'fetched' || status === 'unknown' ? {} : { leaseExpiresAt: undefined }),
    ...(status === 'unknown' ? {} : { unknownAt: undefined, remindedAt: undefined }),
    finishedAt: isFinished(status) ? now : undefined,
    ...fields,
    status,
    updatedAt: now,
    version: task.version + 1,
  };
  return { task: { ...task, ...changes }, changes, event: row.event };
}
