import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { ResumeSessionResponseSchema, SessionService } from '../../../gen/autosession/session/v1/session_service_pb.js';
import type { SessionDeps } from '../deps.ts';
import { presentSession } from '../domain/present.ts';
import { isResumed } from '../domain/replay.ts';
import { resume } from '../domain/requests.ts';
import { commandOnce } from './command-once.ts';

/** Lets a paused session go on. */
export const resumeSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['resumeSession'] =>
  async (request) => {
    const { sessionId, reason } = request;
    const { answer, session } = await commandOnce(deps, SessionService.method.resumeSession, request, {
      sessionId,
      decide: (current, by) => resume(current, { reason }, by),
      holds: isResumed,
      reply: (after) => create(ResumeSessionResponseSchema, { session: presentSession(after) }),
    });
    await deps.fences.confirm(session);
    return answer;
  };
