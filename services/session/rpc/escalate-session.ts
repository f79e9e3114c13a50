import { create, type JsonObject } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { HandoverReason } from '../../../gen/autosession/control/v1/control_pb.js';
import {
  type EscalateSessionRequest,
  EscalateSessionResponseSchema,
  SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { recentMessages } from '../commands/recent-messages.ts';
import type { SessionDeps } from '../deps.ts';
import { defaultSeverity, escalate } from '../domain/commands.ts';
import { isHandedOver, type SessionRecord } from '../domain/session.ts';
import { escalationToProto } from '../domain/session-to-proto.ts';
import { runIdempotentCommand } from '../unit-of-work/idempotent-command.ts';

const MAX_CONTEXT_BYTES = 65_536;

/** Takes control from the bot. The response lists the tasks that may have been sent and the last messages. */
export const escalateSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['escalateSession'] =>
  async (request) => {
    const sessionId = requestedSessionId(request);
    checkSize(request.context);
    const reason = request.reason || HandoverReason.USER_REQUEST;
    const severity = request.severity || defaultSeverity(reason);
    const { details, context } = request;
    const { answer, session } = await runIdempotentCommand(deps, SessionService.method.escalateSession, request, {
      sessionId,
      decide: (current, ctx) => escalate(current, { reason, severity, details, context }, ctx),
      stillHolds: isHandedOver,
      reply,
    });
    const [possiblySent, history] = await Promise.all([deps.fences.raise(session), recentMessages(deps, sessionId)]);
    return Object.assign(answer, { possiblySent, history });
  };

function reply(session: SessionRecord) {
  return create(EscalateSessionResponseSchema, {
    sessionName: session.sessionName,
    sessionId: session.sessionId,
    status: session.control,
    state: session.state,
    escalation: session.escalation && escalationToProto(session.escalation),
  });
}

function requestedSessionId({ sessionId, sessionName }: EscalateSessionRequest): string {
  if (sessionId && sessionName && sessionId !== sessionName)
    throw appError(ErrorReason.INVALID_ARGUMENT, 'session_name and session_id are of different sessions', {
      field: 'session_name',
    });
  return sessionId || sessionName;
}

function checkSize(context: JsonObject | undefined): void {
  if (context && Buffer.byteLength(JSON.stringify(context)) > MAX_CONTEXT_BYTES)
    throw appError(ErrorReason.TOO_LARGE, 'context is larger than 64 KiB', {
      field: 'context',
      limit: MAX_CONTEXT_BYTES,
    });
}
