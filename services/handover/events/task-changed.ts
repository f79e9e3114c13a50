import { type Event, TaskChange, type TaskChanged } from '../../../gen/autosession/event/v1/event_pb.js';
import { type Task, TaskStatus } from '../../../gen/autosession/task/v1/task_pb.js';
import type { HandoverDeps } from '../deps.ts';
import { reminderOfTask } from '../domain/reminder.ts';
import { operatorDecision } from '../domain/task-decision.ts';
import { wordOf } from '../domain/words.ts';
import { auditDecision, isAudited } from '../store/audit.ts';
import { announce } from './announce.ts';
import { committed } from './committed.ts';
import { raise } from './raise.ts';
import { partiesOf, present, timeOf } from './read.ts';

/** A task that stays unknown reminds; what an operator decides about a task is audited. */
export const onTaskChanged =
  (deps: HandoverDeps) =>
  async (event: Event): Promise<void> => {
    if (event.payload.case !== 'taskChanged') return;
    const { value } = event.payload;
    const task = present(value.task, 'task');
    const at = timeOf(event);
    if (value.change === TaskChange.UNSETTLED) await remind(deps, event, task, at);
    const action = operatorDecision(value);
    if (action) await audit(deps, event, value, { action, task, at });
  };

async function remind(deps: HandoverDeps, event: Event, task: Task, at: number): Promise<void> {
  const session = partiesOf(event, task.shopName);
  await committed(deps.db, 'handover.remind-of-task', async (tx) => {
    const reminder = await raise(deps, tx, session, reminderOfTask(task.ownerEpoch, at));
    await announce(deps, tx, session, { reminder });
  });
}

async function audit(
  { db, ids }: HandoverDeps,
  { eventId, sessionId }: Event,
  { actor, reason, previousStatus }: TaskChanged,
  { action, task, at }: { action: string; task: Task; at: number },
): Promise<void> {
  const before = wordOf(TaskStatus, previousStatus);
  const after = wordOf(TaskStatus, task.taskStatus);
  await committed(db, 'handover.audit-decision', async (tx) => {
    if (await isAudited(tx, eventId)) return;
    const key = { auditId: ids.next('aud'), eventId, sessionId };
    const taken = { epoch: task.ownerEpoch, taskId: task.taskId, at };
    await auditDecision(tx, key, { action, actor, reason, before, after, ...taken });
  });
}
