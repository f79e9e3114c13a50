import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ListedSessionSchema } from '../../../gen/autosession/conversation/v1/session_detail_service_pb.js';
import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import { sessionSummary, waitTimeSeconds } from '../session-detail/session-detail.ts';

/** A session as lists show it. */
export function listedSession(
  session: Session,
  lastMessagePreview: string,
  now: number,
): MessageInitShape<typeof ListedSessionSchema> {
  const { accountId, shopId, shopName, userId, lastActivity } = session;
  return {
    ...sessionSummary(session, now),
    ...{ accountId, shopId, shopName, userId, lastActivity, lastMessagePreview },
    escalation: session.escalation && escalationOf(session.escalation, waitTimeSeconds(session, now)),
  };
}

function escalationOf(escalation: NonNullable<Session['escalation']>, waitingSeconds: number) {
  const { reason, details, severity, triggerAt, context, evidenceMessageIds } = escalation;
  return { reason, details, severity, triggerAt, context, evidenceMessageIds, waitingSeconds };
}
