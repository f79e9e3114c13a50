import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  ReleaseSessionResponseSchema,
  SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { TaskAuthor } from '../../../gen/autosession/task/v1/task_pb.js';
import type { SessionDeps } from '../deps.ts';
import { release } from '../domain/commands.ts';
import { isReleased } from '../domain/replayed-command.ts';
import { optionalTimestamp } from '../domain/session-to-proto.ts';
import { runIdempotentCommand } from '../unit-of-work/idempotent-command.ts';
import { loadSession } from '../unit-of-work/load-session.ts';

/** Returns control to the bot. The response lists which of the agent's messages to a shop were withdrawn, or may have been sent. */
export const releaseSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['releaseSession'] =>
  async (request) => {
    const { agentId } = request;
    const reason = request.reason || 'resolved';
    const { answer, session } = await runIdempotentCommand(deps, SessionService.method.releaseSession, request, {
      load: () => loadSession(deps, request.session),
      decide: (current, ctx) => release(current, { agentId, reason }, { ...ctx, actor: agentId }),
      stillHolds: isReleased,
      reply: (after) =>
        create(ReleaseSessionResponseSchema, {
          sessionName: after.sessionName,
          sessionId: after.sessionId,
          status: after.control,
          state: after.state,
          lastManualEndAt: optionalTimestamp(after.lastManualEndAt),
        }),
    });
    const { unsent, possiblySent } = await deps.fences.raise(session);
    const fromAgent = possiblySent.filter(({ author }) => author === TaskAuthor.AGENT);
    return Object.assign(answer, { unsent, possiblySent: fromAgent });
  };
