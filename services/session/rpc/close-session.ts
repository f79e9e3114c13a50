import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  CloseSessionRequest_Outcome,
  CloseSessionResponseSchema,
  SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import type { SessionDeps } from '../deps.ts';
import { presentSession } from '../domain/present.ts';
import { isClosed } from '../domain/replay.ts';
import { close } from '../domain/requests.ts';
import { commandOnce } from './command-once.ts';

/** Ends a session; the answer lists what was already out. */
export const closeSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['closeSession'] =>
  async (request) => {
    const cancelled = request.outcome === CloseSessionRequest_Outcome.CANCELLED;
    const reason = request.reason || (cancelled ? 'cancelled' : 'completed');
    const { answer, session } = await commandOnce(deps, SessionService.method.closeSession, request, {
      sessionId: request.sessionId,
      decide: (current, by) => close(current, cancelled ? 'cancel' : 'complete', reason, by),
      holds: isClosed,
      reply: (after) => create(CloseSessionResponseSchema, { session: presentSession(after) }),
    });
    answer.possiblySent = await deps.fences.raise(session);
    return answer;
  };
