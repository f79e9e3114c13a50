import { create } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { PauseSessionResponseSchema, SessionService } from '../../../gen/autosession/session/v1/session_service_pb.js';
import type { SessionDeps } from '../deps.ts';
import { presentSession } from '../domain/present.ts';
import { pause } from '../domain/requests.ts';
import { isPaused } from '../domain/slot.ts';
import { commandOnce } from './command-once.ts';

/** Holds the bot's tasks; the answer lists what was already out. */
export const pauseSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['pauseSession'] =>
  async (request) => {
    const { sessionId, reason } = request;
    const resumeAt = request.resumeAt && timestampMs(request.resumeAt);
    const { answer, session } = await commandOnce(deps, SessionService.method.pauseSession, request, {
      sessionId,
      decide: (current, by) => pause(current, { reason, resumeAt }, by),
      holds: isPaused,
      reply: (after) => create(PauseSessionResponseSchema, { session: presentSession(after) }),
    });
    answer.possiblySent = await deps.fences.raise(session);
    return answer;
  };
