import type { FrameType } from '../../sse/frame.ts';
import type { Schema } from '../openapi-types.ts';

type FrameName = Exclude<FrameType, 'heartbeat'>;
export type FrameSchemaName = keyof typeof frameProperties;

/** The schema and the meaning of each frame type. */
export const frameDescriptions: Readonly<Record<FrameName, readonly [shape: FrameSchemaName, text: string]>> = {
  session_created: ['SessionCreatedFrame', 'A session was opened.'],
  status_change: ['SessionChangedFrame', 'Control has changed.'],
  state_change: [
    'SessionChangedFrame',
    'The state has changed, or the session was closed (`status` is then `closed`).',
  ],
  manual_message: ['ManualMessageFrame', 'A line that a chat page shows.'],
  intervention_detected: ['InterventionFrame', 'A human has typed in the shop’s own window.'],
  task_created: ['TaskFrame', 'A task was created.'],
  task_fetched: ['TaskFrame', 'A sender fetched its content.'],
  task_completed: ['TaskFrame', 'It was sent: the sender reported it, or a message proves it.'],
  task_failed: ['TaskFrame', 'It was not sent, and no attempt is left.'],
  task_cancelled: ['TaskFrame', 'It was withdrawn.'],
  task_unknown: ['TaskFrame', 'It is unknown whether it was sent.'],
  task_requeued: ['TaskFrame', 'It is in the queue again.'],
  task_dead: ['TaskFrame', 'Its lease expired too often.'],
  task_unsettled: ['TaskFrame', 'It has been unknown for too long whether it was sent: a person must decide.'],
  message_received: ['MessagesReceivedFrame', 'A batch contained new messages, or the user of a chat has written one.'],
  bot_message: ['BotMessageFrame', 'A bot’s answer in a chat was stored.'],
  handover_queued: ['HandoverQueuedFrame', 'A handover waits for a human.'],
  handover_assigned: ['HandoverQueuedFrame', 'A handover was assigned to a human.'],
  reminder: ['ReminderFrame', 'A reminder for people.'],
  resync: [
    'ResyncFrame',
    'Events after the cursor are no longer available. A stream of one session gets its current state.',
  ],
};

export const stringSchema: Schema = { type: 'string' };
export const nullableString: Schema = { type: ['string', 'null'] };
const countSchema: Schema = { type: 'integer', minimum: 0 };
const stringList: Schema = { type: 'array', items: stringSchema };
const parties = { account_id: stringSchema, shop_id: stringSchema };

type EnumSchema = (name: string) => Schema;

/** The fields of each frame schema beside the common ones; enums by their contract's name. */
export const frameProperties = {
  SessionCreatedFrame: (enumSchema: EnumSchema) => ({
    status: enumSchema('control.v1.Control'),
    state: enumSchema('control.v1.SessionState'),
    task_type: enumSchema('task.v1.TaskType'),
    external_task_id: stringSchema,
    created_by: enumSchema('session.v1.Creator'),
    actor: stringSchema,
    unattended_message: { type: 'boolean' },
    ...parties,
    shop_name: stringSchema,
    platform: stringSchema,
  }),
  SessionChangedFrame: (enumSchema: EnumSchema) => ({
    status: enumSchema('control.v1.Control'),
    state: enumSchema('control.v1.SessionState'),
    previous_status: enumSchema('control.v1.Control'),
    previous_state: enumSchema('control.v1.SessionState'),
    reason: stringSchema,
    command: stringSchema,
    actor: stringSchema,
    agent_id: nullableString,
    agent_name: nullableString,
  }),
  ManualMessageFrame: () => ({
    role: { type: 'string', enum: ['agent', 'user', 'system'] },
    content: stringSchema,
    message_id: nullableString,
    agent_id: nullableString,
    agent_name: nullableString,
  }),
  BotMessageFrame: (enumSchema: EnumSchema) => ({
    message_id: stringSchema,
    content: stringSchema,
    interrupted: { type: 'boolean' },
    seq: countSchema,
    status: enumSchema('control.v1.Control'),
  }),
  InterventionFrame: () => ({ message_ids: stringList, reason: stringSchema, ...parties }),
  TaskFrame: (enumSchema: EnumSchema) => ({
    task_id: nullableString,
    external_task_id: nullableString,
    task_type: enumSchema('task.v1.TaskType'),
    task_status: enumSchema('task.v1.TaskStatus'),
    previous_task_status: enumSchema('task.v1.TaskStatus'),
    level: enumSchema('task.v1.QueueLevel'),
    attempt: countSchema,
    worker_id: nullableString,
    matched_message_id: nullableString,
    author: enumSchema('task.v1.TaskAuthor'),
    message_id: nullableString,
    error_message: nullableString,
    reason: stringSchema,
    actor: stringSchema,
    ...parties,
  }),
  MessagesReceivedFrame: (enumSchema: EnumSchema) => ({
    count: countSchema,
    shop_count: countSchema,
    account_count: countSchema,
    last_seq: countSchema,
    message_ids: stringList,
    status: enumSchema('control.v1.Control'),
    state: enumSchema('control.v1.SessionState'),
    ...parties,
    shop_name: stringSchema,
    content: nullableString,
  }),
  HandoverQueuedFrame: (enumSchema: EnumSchema) => ({
    handover_id: nullableString,
    reason: enumSchema('control.v1.HandoverReason'),
    severity: enumSchema('control.v1.Severity'),
    details: stringSchema,
  }),
  ReminderFrame: (enumSchema: EnumSchema) => ({
    reminder_id: nullableString,
    kind: enumSchema('handover.v1.ReminderKind'),
    severity: enumSchema('control.v1.Severity'),
    text: stringSchema,
    count: countSchema,
    account_id: stringSchema,
    shop_name: stringSchema,
  }),
  ResyncFrame: () => ({}),
} satisfies Record<string, (enumSchema: EnumSchema) => Record<string, Schema>>;

/** The messages whose field comments describe the frame's fields of the same name; the first match counts. */
export const describingMessages: Readonly<Record<FrameSchemaName, readonly string[]>> = {
  SessionCreatedFrame: ['event.v1.SessionCreated', 'session.v1.Session'],
  SessionChangedFrame: ['event.v1.SessionChanged', 'session.v1.Session', 'session.v1.AgentRef'],
  ManualMessageFrame: ['session.v1.AgentRef'],
  BotMessageFrame: ['message.v1.Message', 'event.v1.ChatMessageStored'],
  InterventionFrame: ['session.v1.Session'],
  TaskFrame: ['event.v1.TaskChanged', 'task.v1.Task'],
  MessagesReceivedFrame: ['event.v1.MessagesReceived', 'session.v1.Session'],
  HandoverQueuedFrame: ['handover.v1.Handover'],
  ReminderFrame: ['handover.v1.Reminder'],
  ResyncFrame: ['event.v1.Resync'],
};

/** Descriptions of fields that no message has. */
export const fieldDescriptions: Readonly<Record<string, string>> = {
  role: 'The author of the line.',
  content: 'The text to show; null for a batch.',
  message_id: 'The message; null for a line of the system about a change of control.',
  message_ids: 'The messages that the human typed.',
  previous_task_status: 'The status before; null for a new task.',
  reason: 'The reason.',
};
