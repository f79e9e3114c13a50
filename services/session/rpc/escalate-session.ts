import { create, type JsonObject } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { HandoverReason } from '../../../gen/autosession/control/v1/control_pb.js';
import {
  type EscalateSessionRequest,
  EscalateSessionResponseSchema,
  SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { ErrorReason, refuse } from '../../lib/errors/refuse.ts';
import type { SessionDeps } from '../deps.ts';
import { presentEscalation } from '../domain/present.ts';
import { isEscalated } from '../domain/replay.ts';
import { defaultSeverity, escalate } from '../domain/requests.ts';
import type { SessionRecord } from '../domain/session.ts';
import { commandOnce } from './command-once.ts';
import { recentHistory } from './history.ts';

const CONTEXT_BYTES = 65_536;

/** Takes the word from the bot; the answer lists what was already out and what was said last. */
export const escalateSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['escalateSession'] =>
  async (request) => {
    const sessionId = namedSession(request);
    checkSize(request.context);
    const reason = request.reason || HandoverReason.USER_REQUEST;
    const severity = request.severity || defaultSeverity(reason);
    const { details, context } = request;
    const { answer, session } = await commandOnce(deps, SessionService.method.escalateSession, request, {
      sessionId,
      decide: (current, by) => escalate(current, { reason, severity, details, context }, by),
      holds: isEscalated,
      reply,
    });
    const [possiblySent, history] = await Promise.all([deps.fences.raise(session), recentHistory(deps, sessionId)]);
    return Object.assign(answer, { possiblySent, history });
  };

function reply(session: SessionRecord) {
  return create(EscalateSessionResponseSchema, {
    sessionName: session.sessionName,
    sessionId: session.sessionId,
    status: session.control,
    state: session.state,
    escalation: session.escalation && presentEscalation(session.escalation),
  });
}

function namedSession({ sessionId, sessionName }: EscalateSessionRequest): string {
  if (sessionId && sessionName && sessionId !== sessionName)
    throw refuse(ErrorReason.INVALID_ARGUMENT, 'session_name and session_id name different sessions', {
      field: 'session_name',
    });
  return sessionId || sessionName;
}

function checkSize(context: JsonObject | undefined): void {
  if (context && Buffer.byteLength(JSON.stringify(context)) > CONTEXT_BYTES)
    throw refuse(ErrorReason.TOO_LARGE, 'context is larger than 64 KiB', { field: 'context', limit: CONTEXT_BYTES });
}
