import { Control, ControlSchema, SessionStateSchema } from '../../../gen/autosession/control/v1/control_pb.js';
import type { Event, SessionChanged, SessionCreated } from '../../../gen/autosession/event/v1/event_pb.js';
import { CreatorSchema } from '../../../gen/autosession/session/v1/session_pb.js';
import { TaskTypeSchema } from '../../../gen/autosession/task/v1/task_pb.js';
import { enumName } from '../rest/enum-names.ts';
import { type Frame, frameHeader } from './frame.ts';

/** `pending_manual`. */
export function encodeControl(control: Control): string | number | null {
  return enumName(ControlSchema, control);
}

/** `transferred`. */
export function encodeState(state: number): string | number | null {
  return enumName(SessionStateSchema, state);
}

export function sessionCreatedFrames(event: Event, { session, actor, unattendedMessage }: SessionCreated): Frame[] {
  return [
    {
      ...frameHeader(event, 'session_created'),
      status: encodeControl(session?.status ?? 0),
      state: encodeState(session?.state ?? 0),
      task_type: enumName(TaskTypeSchema, session?.taskType ?? 0),
      external_task_id: session?.externalTaskId ?? '',
      created_by: enumName(CreatorSchema, session?.createdBy ?? 0),
      actor,
      unattended_message: unattendedMessage,
      account_id: event.accountId,
      shop_id: event.shopId,
      shop_name: session?.shopName ?? '',
      platform: session?.platform ?? '',
    },
  ];
}

/**
 * A change of a session: the change itself, and the line that a chat page shows with it. The line "has joined" comes after the
 * change, the line "has ended" before it.
 */
export function sessionChangedFrames(event: Event, changed: SessionChanged): Frame[] {
  const change = changeFrame(event, changed);
  if (changed.command === 'take_over') return [change, agentJoinedFrame(event, changed)];
  if (changed.command === 'release') return [agentLeftFrame(event), change];
  if (changed.command === 'attend_externally') return [interventionFrame(event, changed), change];
  return [change];
}

function changeFrame(event: Event, changed: SessionChanged): Frame {
  const { session, command, reason, actor } = changed;
  return {
    ...frameHeader(event, isControlChange(changed) ? 'status_change' : 'state_change'),
    status: encodeControl(session?.status ?? 0),
    state: encodeState(session?.state ?? 0),
    previous_status: encodeControl(changed.previousStatus),
    previous_state: encodeState(changed.previousState),
    reason,
    command,
    actor,
    agent_id: session?.assignedAgent?.agentId ?? null,
    agent_name: session?.assignedAgent?.agentName ?? null,
  };
}

/**
 * Whether control has changed. The end of a session is a change of its state instead. A takeover from a human in the shop's
 * own window changes control although the status stays the same.
 */
function isControlChange({ session, command, previousStatus }: SessionChanged): boolean {
  if (!session || session.status === Control.CLOSED) return false;
  return session.status !== previousStatus || command === 'take_over';
}

function agentJoinedFrame(event: Event, { session }: SessionChanged): Frame {
  const { agentId = '', agentName = '' } = session?.assignedAgent ?? {};
  return {
    ...frameHeader(event, 'manual_message'),
    role: 'system',
    content: `人工客服 ${agentName || agentId} 已接入对话`,
    message_id: null,
    agent_id: agentId,
    agent_name: agentName,
  };
}

function agentLeftFrame(event: Event): Frame {
  return {
    ...frameHeader(event, 'manual_message'),
    role: 'system',
    content: '人工服务已结束，AI 助手已接管对话',
    message_id: null,
    agent_id: null,
    agent_name: null,
  };
}

function interventionFrame(event: Event, { evidenceMessageIds, reason }: SessionChanged): Frame {
  return {
    ...frameHeader(event, 'intervention_detected'),
    message_ids: evidenceMessageIds,
    reason: reason || 'human_intervention',
    account_id: event.accountId,
    shop_id: event.shopId,
  };
}
