import type { JsonObject } from '@bufbuild/protobuf';
import {
  Control,
  type HandoverReason,
  SessionState,
  type Severity,
} from '../../../gen/autosession/control/v1/control_pb.js';
import type { Creator } from '../../../gen/autosession/session/v1/session_pb.js';
import { TaskType } from '../../../gen/autosession/task/v1/task_pb.js';

/** The account key of a conversation whose account is not known yet. */
export const UNKNOWN_ACCOUNT = 'unknown';

/** The platform of a request that names none. */
export const DEFAULT_PLATFORM = '淘天';

export interface Agent {
  readonly id: string;
  readonly name: string;
}

/** Why the bot last lost control. */
export interface EscalationRecord {
  readonly reason: HandoverReason;
  readonly severity: Severity;
  readonly details: string;
  readonly triggerAt: number;
  readonly context?: JsonObject;
  readonly evidence: readonly string[];
}

/** What only a chat session has. */
export interface Chat {
  readonly userId: string;
  /** The bot that answers; empty without one. */
  readonly botId: string;
  /** It expires so long after its last activity. */
  readonly ttlSeconds: number;
  readonly metadata?: JsonObject;
}

/** A session. Times are epoch milliseconds. */
export interface SessionRecord {
  readonly sessionId: string;
  readonly sessionName: string;
  readonly state: SessionState;
  readonly control: Control;
  /** Raised by every change of control, pause, resume and close. */
  readonly ownerEpoch: number;
  /** The last epoch that every fence is known to have confirmed. */
  readonly fencedEpoch: number;
  /** Tasks of earlier epochs are withdrawn. */
  readonly tasksFromEpoch: number;
  readonly version: number;
  readonly sourceSeq: number;
  readonly taskType: TaskType;
  readonly externalTaskId: string;
  /** Empty for a human session. */
  readonly firstTaskId: string;
  /** Hash of the request that opened it; empty when a repeat of that request opens a new session. */
  readonly createHash: string;
  /** Hash of the manual create request that escalated it; empty if none did. */
  readonly takenHash: string;
  readonly platform: string;
  readonly accountKey: string;
  readonly shopKey: string;
  readonly accountId: string;
  readonly shopId: string;
  readonly shopName: string;
  readonly agent?: Agent;
  /** Whether the human writes in the shop's own chat window. */
  readonly attendantExternal: boolean;
  /** When a human in the shop's own window counts as silent; undefined while nothing waits for an answer. */
  readonly attendantDueAt?: number;
  readonly escalation?: EscalationRecord;
  readonly createdBy: Creator;
  readonly maxInactiveMinutes: number;
  readonly vip: boolean;
  /** The agent of the last release; empty before the first. */
  readonly lastReleasedBy: string;
  /** The version after the last release. */
  readonly releasedVersion: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly lastActivity: number;
  readonly finishedAt?: number;
  readonly resumeAt?: number;
  readonly lastManualEndAt?: number;
  readonly closeReason: string;
  /** Undefined for a session of an account and a shop. */
  readonly chat?: Chat;
}

/** The states of a session that holds its slot. */
export const OPEN_STATES: readonly SessionState[] = [
  SessionState.PENDING,
  SessionState.ACTIVE,
  SessionState.IDLE,
  SessionState.PAUSED,
  SessionState.TRANSFERRED,
];

/** Whether the session is open and holds its slot. */
export function isOpen(session: SessionRecord): boolean {
  return OPEN_STATES.includes(session.state);
}

/** Whether a human is in control or requested. */
export function isHandedOver(session: SessionRecord): boolean {
  return session.control === Control.PENDING_MANUAL || session.control === Control.MANUAL_LIVE;
}

/** Since when the session waits for a human; undefined when it does not. */
export function waitingSince({ control, escalation }: SessionRecord): number | undefined {
  return control === Control.PENDING_MANUAL ? escalation?.triggerAt : undefined;
}

/** When the session times out: `limitMinutes` (by default its own limit) after its last activity. */
export function timeoutAt(session: SessionRecord, limitMinutes = session.maxInactiveMinutes): number {
  return session.lastActivity + limitMinutes * 60_000;
}

/** When a chat session expires if nothing happens; undefined while a human is in control or requested. */
export function expiresAt(session: SessionRecord): number | undefined {
  if (!session.chat || !isOpen(session) || isHandedOver(session)) return undefined;
  return session.lastActivity + session.chat.ttlSeconds * 1_000;
}

/** Whether the task type asks for a human. */
export function isManualType(taskType: TaskType): boolean {
  return taskTypePriority(taskType) <= 2;
}

/** 1 (highest) to 4. */
export function taskTypePriority(taskType: TaskType): number {
  switch (taskType) {
    case TaskType.MANUAL_URGENT:
      return 1;
    case TaskType.MANUAL_CUSTOMER_SERVICE:
    case TaskType.MANUAL_COMPLAINT:
      return 2;
    case TaskType.AUTO_BARGAIN:
      return 3;
    default:
      return 4;
  }
}
