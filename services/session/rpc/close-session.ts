import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  CloseSessionRequest_Outcome,
  CloseSessionResponseSchema,
  SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import type { SessionDeps } from '../deps.ts';
import { close } from '../domain/commands.ts';
import { isClosed } from '../domain/replayed-command.ts';
import { sessionToProto } from '../domain/session-to-proto.ts';
import { runIdempotentCommand } from '../unit-of-work/idempotent-command.ts';
import { loadSession } from '../unit-of-work/load-session.ts';

/** Closes a session. The response lists the tasks that may have been sent, and the agent's messages that were withdrawn. */
export const closeSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['closeSession'] =>
  async (request) => {
    const cancelled = request.outcome === CloseSessionRequest_Outcome.CANCELLED;
    const reason = request.reason || (cancelled ? 'cancelled' : 'completed');
    const { answer, session } = await runIdempotentCommand(deps, SessionService.method.closeSession, request, {
      load: () => loadSession(deps, request.sessionId),
      decide: (current, ctx) => close(current, cancelled ? 'cancel' : 'complete', reason, ctx),
      stillHolds: isClosed,
      reply: (after) => create(CloseSessionResponseSchema, { session: sessionToProto(after) }),
    });
    return Object.assign(answer, await deps.fences.raise(session));
  };
