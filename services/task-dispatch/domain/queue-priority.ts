import { QueueLevel, TaskType } from '../../../gen/autosession/task/v1/task_pb.js';

const priorities: Record<TaskType, number> = {
  [TaskType.UNSPECIFIED]: 4,
  [TaskType.MANUAL_URGENT]: 1,
  [TaskType.MANUAL_CUSTOMER_SERVICE]: 2,
  [TaskType.MANUAL_COMPLAINT]: 2,
  [TaskType.AUTO_BARGAIN]: 3,
  [TaskType.AUTO_FOLLOW_UP]: 4,
};

/** 1 (highest) to 4. */
export function taskPriority(type: TaskType): number {
  return priorities[type];
}

/** The level, or the default when none was given. */
export function levelOf(level: QueueLevel): QueueLevel {
  return level === QueueLevel.UNSPECIFIED ? QueueLevel.LEVEL3 : level;
}

/** In the order of dispatch. */
export const queueLevels: readonly QueueLevel[] = [
  QueueLevel.LEVEL5,
  QueueLevel.LEVEL4,
  QueueLevel.LEVEL3,
  QueueLevel.LEVEL2,
  QueueLevel.LEVEL1,
];

/** The rank of an agent's task: before every task of a bot. */
export const AGENT_RANK = 0;

/** The rank of a bot's task in the queue, by level and then by priority; lower is dispatched first. */
export function queueRank(level: QueueLevel, priority: number): number {
  return (QueueLevel.LEVEL5 - level) * 10 + priority;
}
