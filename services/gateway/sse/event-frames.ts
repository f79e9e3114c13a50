import { type Control, HandoverReasonSchema, SeveritySchema } from '../../../gen/autosession/control/v1/control_pb.js';
import type {
  ChatMessageStored,
  Event,
  HandoverQueued,
  MessagesReceived,
  ReminderRaised,
  TaskChanged,
} from '../../../gen/autosession/event/v1/event_pb.js';
import { ReminderKindSchema } from '../../../gen/autosession/handover/v1/handover_pb.js';
import { type Message, MessageRole, MessageRoleSchema } from '../../../gen/autosession/message/v1/message_pb.js';
import {
  QueueLevelSchema,
  TaskAuthor,
  TaskAuthorSchema,
  TaskStatusSchema,
  TaskTypeSchema,
} from '../../../gen/autosession/task/v1/task_pb.js';
import { enumName } from '../rest/enum-names.ts';
import { type Frame, type FrameType, frameHeader, taskFrameTypes } from './frame.ts';
import { encodeControl, encodeState, sessionChangedFrames, sessionCreatedFrames } from './session-frames.ts';

/** The types of an event's frames. */
export function frameTypesOf(event: Event): FrameType[] {
  return framesOf(event).map(({ type }) => type);
}

/** The frames of an event, in the order in which a page shows them; none for an event that this release does not know. */
export function framesOf(event: Event): Frame[] {
  const { payload } = event;
  switch (payload.case) {
    case 'sessionCreated':
      return sessionCreatedFrames(event, payload.value);
    case 'sessionChanged':
      return sessionChangedFrames(event, payload.value);
    case 'taskChanged':
      return taskFrames(event, payload.value);
    case 'messagesReceived':
      return [messagesFrame(event, payload.value)];
    case 'chatMessageStored':
      return chatMessageFrames(event, payload.value);
    case 'handoverQueued':
      return [handoverFrame(event, payload.value)];
    case 'reminderRaised':
      return [reminderFrame(event, payload.value)];
    default:
      return [];
  }
}

function taskFrames(event: Event, { task, change, previousStatus, reason, actor }: TaskChanged): Frame[] {
  const type = taskFrameTypes[change as keyof typeof taskFrameTypes];
  if (!type) return [];
  return [
    {
      ...frameHeader(event, type),
      task_id: task?.taskId ?? null,
      external_task_id: task?.externalTaskId ?? null,
      task_type: enumName(TaskTypeSchema, task?.taskType ?? 0),
      task_status: enumName(TaskStatusSchema, task?.taskStatus ?? 0),
      previous_task_status: enumName(TaskStatusSchema, previousStatus),
      level: enumName(QueueLevelSchema, task?.level ?? 0),
      attempt: task?.attempt ?? 0,
      worker_id: task?.workerId || null,
      matched_message_id: task?.matchedMessageId || null,
      author: enumName(TaskAuthorSchema, task?.author || TaskAuthor.BOT),
      message_id: task?.messageId || null,
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
    ...frameHeader(event, 'message_received'),
    count: received.count,
    shop_count: received.shopCount,
    account_count: received.accountCount,
    last_seq: received.lastSeq,
    message_ids: received.messageIds,
    status: encodeControl(received.status),
    state: encodeState(received.state),
    account_id: event.accountId,
    shop_id: event.shopId,
    shop_name: received.shopName,
    content: null,
  };
}

/** A message of a chat: the bot's, an agent's or the system's as pages show it; the user's, for agents. */
function chatMessageFrames(event: Event, { message, status }: ChatMessageStored): Frame[] {
  if (!message) return [];
  const { messageId: message_id, content, seq, agentId, sender, interrupted } = message;
  switch (message.role) {
    case MessageRole.USER:
      return [userMessageFrame(event, message, status)];
    case MessageRole.ASSISTANT: {
      const answer = { message_id, content, interrupted, seq, status: encodeControl(status) };
      return [{ ...frameHeader(event, 'bot_message'), ...answer }];
    }
    default: {
      const author = { agent_id: agentId || null, agent_name: agentId ? sender : null };
      const role = enumName(MessageRoleSchema, message.role);
      return [{ ...frameHeader(event, 'manual_message'), message_id, role, content, ...author }];
    }
  }
}

function userMessageFrame(event: Event, { messageId, content, seq }: Message, status: Control): Frame {
  return {
    ...frameHeader(event, 'message_received'),
    count: 1,
    shop_count: 0,
    account_count: 0,
    last_seq: seq,
    message_ids: [messageId],
    status: encodeControl(status),
    state: null,
    account_id: '',
    shop_id: '',
    shop_name: '',
    content,
  };
}

function handoverFrame(event: Event, { handover }: HandoverQueued): Frame {
  return {
    ...frameHeader(event, 'handover_queued'),
    handover_id: handover?.handoverId ?? null,
    reason: enumName(HandoverReasonSchema, handover?.reason ?? 0),
    severity: enumName(SeveritySchema, handover?.severity ?? 0),
    details: handover?.details ?? '',
  };
}

function reminderFrame(event: Event, { reminder }: ReminderRaised): Frame {
  return {
    ...frameHeader(event, 'reminder'),
    reminder_id: reminder?.reminderId ?? null,
    kind: enumName(ReminderKindSchema, reminder?.kind ?? 0),
    severity: enumName(SeveritySchema, reminder?.severity ?? 0),
    text: reminder?.text ?? '',
    count: reminder?.count ?? 0,
    account_id: reminder?.accountId ?? '',
    shop_name: reminder?.shopName ?? '',
  };
}
