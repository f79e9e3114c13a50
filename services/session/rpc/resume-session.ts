import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { ResumeSessionResponseSchema, SessionService } from '../../../gen/autosession/session/v1/session_service_pb.js';
import type { SessionDeps } from '../deps.ts';
import { resume } from '../domain/commands.ts';
import { isResumed } from '../domain/replayed-command.ts';
import { sessionToProto } from '../domain/session-to-proto.ts';
import { runIdempotentCommand } from '../unit-of-work/idempotent-command.ts';
import { loadSession } from '../unit-of-work/load-session.ts';

/** Resumes a paused session. */
export const resumeSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['resumeSession'] =>
  async (request) => {
    const { sessionId, reason } = request;
    const { answer, session } = await runIdempotentCommand(deps, SessionService.method.resumeSession, request, {
      load: () => loadSession(deps, sessionId),
      decide: (current, ctx) => resume(current, { reason }, ctx),
      stillHolds: isResumed,
      reply: (after) => create(ResumeSessionResponseSchema, { session: sessionToProto(after) }),
    });
    await deps.fences.confirm(session);
    return answer;
  };
