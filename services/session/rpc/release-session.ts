import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  ReleaseSessionResponseSchema,
  SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import type { SessionDeps } from '../deps.ts';
import { timestampOf } from '../domain/present.ts';
import { isReleased } from '../domain/replay.ts';
import { release } from '../domain/requests.ts';
import { commandOnce } from './command-once.ts';

/** Gives the word back to the bot. */
export const releaseSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['releaseSession'] =>
  async (request) => {
    const { agentId } = request;
    const reason = request.reason || 'resolved';
    const { answer, session } = await commandOnce(deps, SessionService.method.releaseSession, request, {
      sessionId: request.session,
      decide: (current, by) => release(current, { agentId, reason }, { ...by, actor: agentId }),
      holds: isReleased,
      reply: (after) =>
        create(ReleaseSessionResponseSchema, {
          sessionName: after.sessionName,
          sessionId: after.sessionId,
          status: after.control,
          state: after.state,
          lastManualEndAt: timestampOf(after.lastManualEndAt),
        }),
    });
    await deps.fences.confirm(session);
    return answer;
  };
