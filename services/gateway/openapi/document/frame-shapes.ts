import type { FrameType } from '../../sse/frame.ts';
import type { Schema } from '../types.ts';

type FrameName = Exclude<FrameType, 'heartbeat'>;
export type ShapeName = keyof typeof shapes;

/** Which shape the frames of a type have, and what they say. */
export const frames: Readonly<Record<FrameName, readonly [shape: ShapeName, text: string]>> = {
  session_created: ['SessionCreatedFrame', 'A session was opened.'],
  status_change: ['SessionChangedFrame', 'Control has changed.'],
  state_change: [
    'SessionChangedFrame',
    'The state has changed, or the session was closed (`status` is then `closed`).',
  ],
  manual_message: ['ManualMessageFrame', 'A line that a chat page shows.'],
  intervention_detected: ['InterventionFrame', 'A human has typed in the shop’s own window.'],
  task_created: ['TaskFrame', 'A task was made.'],
  task_sent: ['TaskFrame', 'Its content was handed to a sender.'],
  task_completed: ['TaskFrame', 'It was sent, by the sender’s word or by evidence.'],
  task_failed: ['TaskFrame', 'It was not sent and no attempt is left.'],
  task_cancelled: ['TaskFrame', 'It was withdrawn.'],
  task_unknown: ['TaskFrame', 'Nobody knows whether it was sent.'],
  task_requeued: ['TaskFrame', 'It is to be handed out again.'],
  task_dead: ['TaskFrame', 'It was leased and lost too often.'],
  task_unsettled: ['TaskFrame', 'Nobody has learnt for too long whether it was sent: somebody must look.'],
  message_received: ['MessagesReceivedFrame', 'A batch brought new messages.'],
  handover_queued: ['HandoverQueuedFrame', 'A handover waits for a human.'],
  handover_assigned: ['HandoverQueuedFrame', 'A handover was given to a human.'],
  reminder: ['ReminderFrame', 'Something needs people.'],
  resync: ['ResyncFrame', 'What came after the cursor is not known any more; for one session with how things stand.'],
};

export const text: Schema = { type: 'string' };
export const textOrNull: Schema = { type: ['string', 'null'] };
const count: Schema = { type: 'integer', minimum: 0 };
const texts: Schema = { type: 'array', items: text };
const parties = { account_id: text, shop_id: text };

type Words = (name: string) => Schema;

/** What the frames of a shape have beside their head; enums by their contract's name. */
export const shapes = {
  SessionCreatedFrame: (words: Words) => ({
    status: words('control.v1.Control'),
    state: words('control.v1.SessionState'),
    task_type: words('task.v1.TaskType'),
    external_task_id: text,
    created_by: words('session.v1.Creator'),
    actor: text,
    unattended_message: { type: 'boolean' },
    ...parties,
    shop_name: text,
    platform: text,
  }),
  SessionChangedFrame: (words: Words) => ({
    status: words('control.v1.Control'),
    state: words('control.v1.SessionState'),
    previous_status: words('control.v1.Control'),
    previous_state: words('control.v1.SessionState'),
    reason: text,
    command: text,
    actor: text,
    agent_id: textOrNull,
    agent_name: textOrNull,
  }),
  ManualMessageFrame: () => ({
    role: { type: 'string', enum: ['agent', 'user', 'system'] },
    content: text,
    agent_id: textOrNull,
    agent_name: textOrNull,
  }),
  InterventionFrame: () => ({ message_ids: texts, reason: text, ...parties }),
  TaskFrame: (words: Words) => ({
    task_id: textOrNull,
    external_task_id: textOrNull,
    task_type: words('task.v1.TaskType'),
    task_status: words('task.v1.TaskStatus'),
    previous_task_status: words('task.v1.TaskStatus'),
    level: words('task.v1.QueueLevel'),
    attempt: count,
    worker_id: textOrNull,
    matched_message_id: textOrNull,
    error_message: textOrNull,
    reason: text,
    actor: text,
    ...parties,
  }),
  MessagesReceivedFrame: (words: Words) => ({
    count,
    shop_count: count,
    account_count: count,
    last_seq: count,
    message_ids: texts,
    status: words('control.v1.Control'),
    state: words('control.v1.SessionState'),
    ...parties,
    shop_name: text,
  }),
  HandoverQueuedFrame: (words: Words) => ({
    handover_id: textOrNull,
    reason: words('control.v1.HandoverReason'),
    severity: words('control.v1.Severity'),
    details: text,
  }),
  ReminderFrame: (words: Words) => ({
    reminder_id: textOrNull,
    kind: words('handover.v1.ReminderKind'),
    severity: words('control.v1.Severity'),
    text,
    count,
    account_id: text,
    shop_name: text,
  }),
  ResyncFrame: () => ({}),
} satisfies Record<string, (words: Words) => Record<string, Schema>>;

/** The messages whose fields say what the frame's fields of the same name mean; the first that has one counts. */
export const meanings: Readonly<Record<ShapeName, readonly string[]>> = {
  SessionCreatedFrame: ['event.v1.SessionCreated', 'session.v1.Session'],
  SessionChangedFrame: ['event.v1.SessionChanged', 'session.v1.Session', 'session.v1.AgentRef'],
  ManualMessageFrame: ['session.v1.AgentRef'],
  InterventionFrame: ['session.v1.Session'],
  TaskFrame: ['event.v1.TaskChanged', 'task.v1.Task'],
  MessagesReceivedFrame: ['event.v1.MessagesReceived', 'session.v1.Session'],
  HandoverQueuedFrame: ['handover.v1.Handover'],
  ReminderFrame: ['handover.v1.Reminder'],
  ResyncFrame: ['event.v1.Resync'],
};

/** What no message's field says. */
export const ownMeanings: Readonly<Record<string, string>> = {
  role: 'Whose line it is.',
  content: 'What a page shows.',
  message_ids: 'What the human typed.',
  previous_task_status: 'The state before; null for a new task.',
  reason: 'Why.',
};
