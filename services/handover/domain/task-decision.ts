import { TaskChange, type TaskChanged } from '../../../gen/autosession/event/v1/event_pb.js';

/** The actors of task-dispatch's events for decisions of an operator. */
const OPERATOR = 'operator';

const actionByChange: Partial<Record<TaskChange, string>> = {
  [TaskChange.COMPLETED]: 'complete_task',
  [TaskChange.FAILED]: 'fail_task',
  [TaskChange.REQUEUED]: 'requeue_task',
  [TaskChange.CANCELLED]: 'cancel_task',
};

/** An operator's decision about a task; undefined for changes by senders, deadlines and evidence. */
export function operatorDecision({ actor, change }: TaskChanged): string | undefined {
  return actor === OPERATOR ? actionByChange[change] : undefined;
}
