import { type Event, TaskChange, type TaskChanged } from '../../../gen/autosession/event/v1/event_pb.js';
import { type Task, TaskStatus } from '../../../gen/autosession/task/v1/task_pb.js';
import type { HandoverDeps } from '../deps.ts';
import { enumToText } from '../domain/enum-names.ts';
import { reminderForTask } from '../domain/reminder.ts';
import { operatorDecision } from '../domain/task-decision.ts';
import { auditDecision, isAudited } from '../store/audit.ts';
import { retryTransaction } from '../store/retry-transaction.ts';
import { createReminder } from './create-reminder.ts';
import { emitHandoverEvents } from './emit-events.ts';
import { occurredAtMs, requireField, sessionRefOf } from './event-fields.ts';

/** Creates a reminder of a task that stays unknown, and audits an operator's decisions about tasks. */
export const recordTaskChanged =
  (deps: HandoverDeps) =>
  async (event: Event): Promise<void> => {
    if (event.payload.case !== 'taskChanged') return;
    const { value } = event.payload;
    const task = requireField(value.task, 'task');
    const at = occurredAtMs(event);
    if (value.change === TaskChange.UNSETTLED) await createTaskReminder(deps, event, task, at);
    const action = operatorDecision(value);
    if (action) await auditOperatorDecision(deps, event, value, { action, task, at });
  };

async function createTaskReminder(deps: HandoverDeps, event: Event, task: Task, at: number): Promise<void> {
  const session = sessionRefOf(event, task.shopName);
  await retryTransaction(deps.db, 'handover.remind-of-task', async (tx) => {
    const reminder = await createReminder(deps, tx, session, reminderForTask(task.ownerEpoch, at));
    await emitHandoverEvents(deps, tx, session, { reminder });
  });
}

async function auditOperatorDecision(
  { db, ids }: HandoverDeps,
  { eventId, sessionId }: Event,
  { actor, reason, previousStatus }: TaskChanged,
  { action, task, at }: { action: string; task: Task; at: number },
): Promise<void> {
  const before = enumToText(TaskStatus, previousStatus);
  const after = enumToText(TaskStatus, task.taskStatus);
  await retryTransaction(db, 'handover.audit-decision', async (tx) => {
    if (await isAudited(tx, eventId)) return;
    const key = { auditId: ids.next('aud'), eventId, sessionId };
    const taskFields = { epoch: task.ownerEpoch, taskId: task.taskId, at };
    await auditDecision(tx, key, { action, actor, reason, before, after, ...taskFields });
  });
}
