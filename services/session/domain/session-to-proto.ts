import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type AgentRef,
  AgentRefSchema,
  type Escalation,
  EscalationSchema,
  type Session,
  SessionSchema,
} from '../../../gen/autosession/session/v1/session_pb.js';
import { type Agent, type EscalationRecord, type SessionRecord, taskTypePriority } from './session.ts';

export const optionalTimestamp = (ms: number | undefined) => (ms === undefined ? undefined : timestampFromMs(ms));

/** The session of responses and events. */
export function sessionToProto(session: SessionRecord): Session {
  const { control, accountKey, shopKey, agent, escalation, chat } = session;
  const times = ['createdAt', 'updatedAt', 'lastActivity', 'finishedAt', 'resumeAt', 'lastManualEndAt'] as const;
  return create(SessionSchema, {
    sessionId: session.sessionId,
    sessionName: session.sessionName,
    state: session.state,
    status: control,
    ownerEpoch: session.ownerEpoch,
    version: session.version,
    taskType: session.taskType,
    priority: taskTypePriority(session.taskType),
    externalTaskId: session.externalTaskId,
    accountId: session.accountId,
    shopId: session.shopId,
    shopName: session.shopName,
    platform: session.platform,
    assignedAgent: agent && agentToProto(agent),
    attendantExternal: session.attendantExternal,
    escalation: escalation && escalationToProto(escalation),
    createdBy: session.createdBy,
    maxInactiveMinutes: session.maxInactiveMinutes,
    vip: session.vip,
    ...Object.fromEntries(times.map((name) => [name, optionalTimestamp(session[name])])),
    closeReason: session.closeReason,
    sourceSeq: session.sourceSeq,
    accountKey,
    shopKey,
    ...chat,
  });
}

export function agentToProto(agent: Agent): AgentRef {
  return create(AgentRefSchema, { agentId: agent.id, agentName: agent.name, ...agent });
}

export function escalationToProto(escalation: EscalationRecord): Escalation {
  return create(EscalationSchema, {
    reason: escalation.reason,
    details: escalation.details,
    severity: escalation.severity,
    triggerAt: timestampFromMs(escalation.triggerAt),
    context: escalation.context,
    evidenceMessageIds: [...escalation.evidence],
  });
}
