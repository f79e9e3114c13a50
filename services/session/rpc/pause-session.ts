import { create } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { PauseSessionResponseSchema, SessionService } from '../../../gen/autosession/session/v1/session_service_pb.js';
import type { SessionDeps } from '../deps.ts';
import { pause } from '../domain/commands.ts';
import { sessionToProto } from '../domain/session-to-proto.ts';
import { isPaused } from '../domain/slot.ts';
import { runIdempotentCommand } from '../unit-of-work/idempotent-command.ts';
import { loadSession } from '../unit-of-work/load-session.ts';

/** Holds the tasks of the bot. The response lists the tasks that may have been sent. */
export const pauseSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['pauseSession'] =>
  async (request) => {
    const { sessionId, reason } = request;
    const resumeAt = request.resumeAt && timestampMs(request.resumeAt);
    const { answer, session } = await runIdempotentCommand(deps, SessionService.method.pauseSession, request, {
      load: () => loadSession(deps, sessionId),
      decide: (current, ctx) => pause(current, { reason, resumeAt }, ctx),
      stillHolds: isPaused,
      reply: (after) => create(PauseSessionResponseSchema, { session: sessionToProto(after) }),
    });
    const { possiblySent, interruptedReply } = await deps.fences.raise(session);
    return Object.assign(answer, { possiblySent, interruptedReply });
  };
