import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  SessionService,
  TakeOverSessionResponseSchema,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import type { SessionDeps } from '../deps.ts';
import { presentSession } from '../domain/present.ts';
import { isHeldBy } from '../domain/replay.ts';
import { takeOver } from '../domain/requests.ts';
import { commandOnce } from './command-once.ts';
import { recentHistory } from './history.ts';

/** Gives the word to an agent; the answer lists what was already out and what was said last. */
export const takeOverSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['takeOverSession'] =>
  async (request) => {
    const agent = { id: request.agentId, name: request.agentName };
    const { answer, session } = await commandOnce(deps, SessionService.method.takeOverSession, request, {
      sessionId: request.session,
      decide: (current, by) => takeOver(current, agent, { ...by, actor: agent.id }),
      holds: (current) => isHeldBy(current, agent.id),
      reply: (after) => create(TakeOverSessionResponseSchema, { session: presentSession(after) }),
    });
    const [possiblySent, history] = await Promise.all([
      deps.fences.raise(session),
      recentHistory(deps, session.sessionId),
    ]);
    return Object.assign(answer, { possiblySent, history });
  };
