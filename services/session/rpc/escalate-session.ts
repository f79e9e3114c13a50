import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { HandoverReason } from '../../../gen/autosession/control/v1/control_pb.js';
import {
  type EscalateSessionRequest,
  EscalateSessionResponseSchema,
  SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { isSessionId } from '../../lib/text/session-reference.ts';
import { openChatSession } from '../commands/open-chat-session.ts';
import { recentMessages } from '../commands/recent-messages.ts';
import type { SessionDeps } from '../deps.ts';
import { defaultSeverity, escalate } from '../domain/commands.ts';
import { assertContextSize } from '../domain/escalation-context.ts';
import { isHandedOver, type SessionRecord } from '../domain/session.ts';
import { escalationToProto } from '../domain/session-to-proto.ts';
import { runIdempotentCommand } from '../unit-of-work/idempotent-command.ts';
import { loadSession } from '../unit-of-work/load-session.ts';

/** Takes control from the bot. The response has what may have been sent, and the last messages. */
export const escalateSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['escalateSession'] =>
  async (request) => {
    assertContextSize(request.context);
    const reason = request.reason || HandoverReason.USER_REQUEST;
    const severity = request.severity || defaultSeverity(reason);
    const { details, context } = request;
    const { answer, session } = await runIdempotentCommand(deps, SessionService.method.escalateSession, request, {
      load: () => requestedSession(deps, request),
      decide: (current, ctx) => escalate(current, { reason, severity, details, context }, ctx),
      stillHolds: isHandedOver,
      reply,
    });
    const { possiblySent, interruptedReply } = await deps.fences.raise(session);
    return Object.assign(answer, { possiblySent, interruptedReply }, await recentMessages(deps, session.sessionId));
  };

function reply(session: SessionRecord) {
  return create(EscalateSessionResponseSchema, {
    sessionName: session.sessionName,
    sessionId: session.sessionId,
    status: session.control,
    state: session.state,
    escalation: session.escalation && escalationToProto(session.escalation),
    isInShift: true,
  });
}

/** The session of the request. A name without an open session gets a new one. */
async function requestedSession(deps: SessionDeps, request: EscalateSessionRequest): Promise<SessionRecord> {
  const { sessionId, sessionName } = request;
  const reference = sessionId || sessionName;
  const isOtherName = sessionName !== '' && sessionName !== reference;
  if (!isSessionId(reference)) {
    if (isOtherName) throw differentSessions();
    return openChatSession(deps, { sessionName: reference, userId: '', botId: '', vip: false });
  }
  const session = await loadSession(deps, reference);
  if (isOtherName && sessionName !== session.sessionName) throw differentSessions();
  return session;
}

function differentSessions() {
  const text = 'session_name and session_id are of different sessions';
  return appError(ErrorReason.INVALID_ARGUMENT, text, { field: 'session_name' });
}
