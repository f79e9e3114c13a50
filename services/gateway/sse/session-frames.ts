import { Control, ControlSchema, SessionStateSchema } from '../../../gen/autosession/control/v1/control_pb.js';
import type { Event, SessionChanged, SessionCreated } from '../../../gen/autosession/event/v1/event_pb.js';
import { CreatorSchema } from '../../../gen/autosession/session/v1/session_pb.js';
import { TaskTypeSchema } from '../../../gen/autosession/task/v1/task_pb.js';
import { enumWord } from '../words.ts';
import { type Frame, headOf } from './frame.ts';

/** `pending_manual`. */
export function controlWord(control: Control): string | number | null {
  return enumWord(ControlSchema, control);
}

/** `transferred`. */
export function stateWord(state: number): string | number | null {
  return enumWord(SessionStateSchema, state);
}

export function createdFrames(event: Event, { session, actor, unattendedMessage }: SessionCreated): Frame[] {
  return [
    {
      ...headOf(event, 'session_created'),
      status: controlWord(session?.status ?? 0),
      state: stateWord(session?.state ?? 0),
      task_type: enumWord(TaskTypeSchema, session?.taskType ?? 0),
      external_task_id: session?.externalTaskId ?? '',
      created_by: enumWord(CreatorSchema, session?.createdBy ?? 0),
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
 * A change of a session: the change itself, and the line that a chat page shows with it. What a page shows last comes last:
 * the line "has joined" behind the change, the line "has ended" before it.
 */
export function changeFrames(event: Event, changed: SessionChanged): Frame[] {
  const change = changeFrame(event, changed);
  if (changed.command === 'take_over') return [change, joinedLine(event, changed)];
  if (changed.command === 'release') return [endedLine(event), change];
  if (changed.command === 'attend_externally') return [interventionFrame(event, changed), change];
  return [change];
}

function changeFrame(event: Event, changed: SessionChanged): Frame {
  const { session, command, reason, actor } = changed;
  return {
    ...headOf(event, isStatusChange(changed) ? 'status_change' : 'state_change'),
    status: controlWord(session?.status ?? 0),
    state: stateWord(session?.state ?? 0),
    previous_status: controlWord(changed.previousStatus),
    previous_state: stateWord(changed.previousState),
    reason,
    command,
    actor,
    agent_id: session?.assignedAgent?.agentId ?? null,
    agent_name: session?.assignedAgent?.agentName ?? null,
  };
}

/**
 * Whether who may speak has changed; the end of a session is a change of its state. A takeover from a human in the shop's
 * own window changes the speaker behind the same word.
 */
function isStatusChange({ session, command, previousStatus }: SessionChanged): boolean {
  if (!session || session.status === Control.CLOSED) return false;
  return session.status !== previousStatus || command === 'take_over';
}

function joinedLine(event: Event, { session }: SessionChanged): Frame {
  const { agentId = '', agentName = '' } = session?.assignedAgent ?? {};
  return {
    ...headOf(event, 'manual_message'),
    role: 'system',
    content: `人工客服 ${agentName || agentId} 已接入对话`,
    agent_id: agentId,
    agent_name: agentName,
  };
}

function endedLine(event: Event): Frame {
  return {
    ...headOf(event, 'manual_message'),
    role: 'system',
    content: '人工服务已结束，AI 助手已接管对话',
    agent_id: null,
    agent_name: null,
  };
}

function interventionFrame(event: Event, { evidenceMessageIds, reason }: SessionChanged): Frame {
  return {
    ...headOf(event, 'intervention_detected'),
    message_ids: evidenceMessageIds,
    reason: reason || 'human_intervention',
    account_id: event.accountId,
    shop_id: event.shopId,
  };
}
