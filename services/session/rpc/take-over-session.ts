import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  SessionService,
  TakeOverSessionResponseSchema,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { recentMessages } from '../commands/recent-messages.ts';
import type { SessionDeps } from '../deps.ts';
import { takeOver } from '../domain/commands.ts';
import { isControlledBy } from '../domain/replayed-command.ts';
import { sessionToProto } from '../domain/session-to-proto.ts';
import { runIdempotentCommand } from '../unit-of-work/idempotent-command.ts';
import { loadSession } from '../unit-of-work/load-session.ts';

/** Gives control to an agent. The response lists the tasks that may have been sent and the last messages. */
export const takeOverSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['takeOverSession'] =>
  async (request) => {
    const agent = { id: request.agentId, name: request.agentName };
    const { answer, session } = await runIdempotentCommand(deps, SessionService.method.takeOverSession, request, {
      load: () => loadSession(deps, request.session),
      decide: (current, ctx) => takeOver(current, agent, { ...ctx, actor: agent.id }),
      stillHolds: (current) => isControlledBy(current, agent.id),
      reply: (after) => create(TakeOverSessionResponseSchema, { session: sessionToProto(after) }),
    });
    const { possiblySent, interruptedReply } = await deps.fences.raise(session);
    return Object.assign(answer, { possiblySent, interruptedReply }, await recentMessages(deps, session.sessionId));
  };
