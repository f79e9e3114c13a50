import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Control, Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import type { SessionDetailSchema } from '../../../gen/autosession/conversation/v1/session_detail_service_pb.js';
import type { Message } from '../../../gen/autosession/message/v1/message_pb.js';
import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';

/** A session with its last messages, as agents and chat pages show it. */
export function sessionDetail(
  session: Session,
  history: Message[],
  now: number,
): MessageInitShape<typeof SessionDetailSchema> {
  return { ...sessionSummary(session, now), escalation: session.escalation, history };
}

/** What details and lists show of a session. */
export function sessionSummary(session: Session, now: number) {
  const { sessionId, sessionName, status, state, assignedAgent, botId, metadata, version } = session;
  const { createdAt, updatedAt, lastManualEndAt } = session;
  return {
    ...{ sessionId, sessionName, status, state, assignedAgent, botId, metadata, version },
    ...{ createdAt, updatedAt, lastManualEndAt },
    userProfile: userProfile(session),
    priority: {
      level: priorityLevel(session),
      isVip: session.vip,
      waitTimeSeconds: waitTimeSeconds(session, now),
      urgentKeywords: urgentKeywords(session),
    },
  };
}

function userProfile({ userId, shopId, shopName, metadata, vip }: Session) {
  const { nickname } = metadata ?? {};
  return { userId: userId || shopId, nickname: typeof nickname === 'string' ? nickname : shopName || userId, vip };
}

/** Of a session that a human is requested for or in control of; others have the level of the user. */
function priorityLevel({ status, escalation, vip }: Session): 'urgent' | 'high' | 'normal' {
  const isManual = status === Control.PENDING_MANUAL || status === Control.MANUAL_LIVE;
  const severity = isManual ? escalation?.severity : undefined;
  if (severity === Severity.HIGH) return 'urgent';
  return vip || severity === Severity.MEDIUM ? 'high' : 'normal';
}

/** How long a session has been waiting for a human; 0 when it does not wait. */
export function waitTimeSeconds({ status, escalation }: Session, now: number): number {
  if (status !== Control.PENDING_MANUAL || !escalation?.triggerAt) return 0;
  return Math.max(0, (now - timestampMs(escalation.triggerAt)) / 1_000);
}

/** A rule puts the words that it matched into the context of its escalation. */
function urgentKeywords({ escalation }: Session): string[] {
  const { matched } = escalation?.context ?? {};
  return typeof matched === 'string' && matched !== '' ? [matched] : [];
}
