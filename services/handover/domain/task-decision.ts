import { TaskChange, type TaskChanged } from '../../../gen/autosession/event/v1/event_pb.js';

/** How task-dispatch names whoever decides about a task in place of its sender. */
const OPERATOR = 'operator';

const actionByChange: Partial<Record<TaskChange, string>> = {
  [TaskChange.COMPLETED]: 'complete_task',
  [TaskChange.FAILED]: 'fail_task',
  [TaskChange.REQUEUED]: 'requeue_task',
  [TaskChange.CANCELLED]: 'cancel_task',
};

/** What an operator decided about a task; undefined for what senders, deadlines and evidence do. */
export function operatorDecision({ actor, change }: TaskChanged): string | undefined {
  return actor === OPERATOR ? actionByChange[change] : undefined;
}
