import { HandoverReasonSchema, SeveritySchema } from '../../../gen/autosession/control/v1/control_pb.js';
import type {
  Event,
  HandoverQueued,
  MessagesReceived,
  ReminderRaised,
  TaskChanged,
} from '../../../gen/autosession/event/v1/event_pb.js';
import { ReminderKindSchema } from '../../../gen/autosession/handover/v1/handover_pb.js';
import { QueueLevelSchema, TaskStatusSchema, TaskTypeSchema } from '../../../gen/autosession/task/v1/task_pb.js';
import { enumWord } from '../words.ts';
import { type Frame, type FrameType, headOf, taskTypes } from './frame.ts';
import { changeFrames, controlWord, createdFrames, stateWord } from './session-frames.ts';

/** The types of the frames that an event makes. */
export function frameTypes(event: Event): FrameType[] {
  return framesOf(event).map(({ type }) => type);
}

/** The frames of an event, in the order in which a page shows them; none for an event that is newer than this code. */
export function framesOf(event: Event): Frame[] {
  const { payload } = event;
  switch (payload.case) {
    case 'sessionCreated':
      return createdFrames(event, payload.value);
    case 'sessionChanged':
      return changeFrames(event, payload.value);
    case 'taskChanged':
      return taskFrames(event, payload.value);
    case 'messagesReceived':
      return [messagesFrame(event, payload.value)];
    case 'handoverQueued':
      return [handoverFrame(event, payload.value)];
    case 'reminderRaised':
      return [reminderFrame(event, payload.value)];
    default:
      return [];
  }
}

function taskFrames(event: Event, { task, change, previousStatus, reason, actor }: TaskChanged): Frame[] {
  const type = taskTypes[change as keyof typeof taskTypes];
  if (!type) return [];
  return [
    {
      ...headOf(event, type),
      task_id: task?.taskId ?? null,
      external_task_id: task?.externalTaskId ?? null,
      task_type: enumWord(TaskTypeSchema, task?.taskType ?? 0),
      task_status: enumWord(TaskStatusSchema, task?.taskStatus ?? 0),
      previous_task_status: enumWord(TaskStatusSchema, previousStatus),
      level: enumWord(QueueLevelSchema, task?.level ?? 0),
      attempt: task?.attempt ?? 0,
      worker_id: task?.workerId || null,
      matched_message_id: task?.matchedMessageId || null,
      error_message: task?.errorMessage || null,
      reason,
      actor,
      account_id: event.accountId,
      shop_id: event.shopId,
    },
  ];
}

function messagesFrame(event: Event, received: MessagesReceived): Frame {
  return {
    ...headOf(event, 'message_received'),
    count: received.count,
    shop_count: received.shopCount,
    account_count: received.accountCount,
    last_seq: received.lastSeq,
    message_ids: received.messageIds,
    status: controlWord(received.status),
    state: stateWord(received.state),
    account_id: event.accountId,
    shop_id: event.shopId,
    shop_name: received.shopName,
  };
}

function handoverFrame(event: Event, { handover }: HandoverQueued): Frame {
  return {
    ...headOf(event, 'handover_queued'),
    handover_id: handover?.handoverId ?? null,
    reason: enumWord(HandoverReasonSchema, handover?.reason ?? 0),
    severity: enumWord(SeveritySchema, handover?.severity ?? 0),
    details: handover?.details ?? '',
  };
}

function reminderFrame(event: Event, { reminder }: ReminderRaised): Frame {
  return {
    ...headOf(event, 'reminder'),
    reminder_id: reminder?.reminderId ?? null,
    kind: enumWord(ReminderKindSchema, reminder?.kind ?? 0),
    severity: enumWord(SeveritySchema, reminder?.severity ?? 0),
    text: reminder?.text ?? '',
    count: reminder?.count ?? 0,
    account_id: reminder?.accountId ?? '',
    shop_name: reminder?.shopName ?? '',
  };
}
