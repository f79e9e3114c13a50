import type { TaskChange } from '../../../gen/autosession/event/v1/event_pb.js';
import { isFinished, type StoredTask } from './task.ts';
import { requireTaskTransition, type TaskCommand } from './transitions.ts';

/** What a command sets besides the state. */
export type TaskFields = Partial<Omit<StoredTask, 'tenant' | 'taskId' | 'sessionId' | 'status' | 'version'>>;

/** A task before and after a command, and the event that tells of it. */
export interface TransitionResult {
  readonly task: StoredTask;
  /** What is different afterwards. */
  readonly changes: Partial<StoredTask>;
  readonly event?: TaskChange;
}

/** Carries a command out on a task by the transition table. Throws INVALID_TASK_STATUS. */
export function applyTransition(
  task: StoredTask,
  command: TaskCommand,
  { fields = {}, paused, now }: { fields?: TaskFields; paused: boolean; now: number },
): TransitionResult {
  const row = requireTaskTransition(task, command);
  const status = paused && row.whilePaused ? row.whilePaused : row.to;
  const changes: Partial<StoredTask> = {
    // only what is out, or may be, has a lease to wait for
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
