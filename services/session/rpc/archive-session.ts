import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  ArchiveSessionResponseSchema,
  SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import type { SessionDeps } from '../deps.ts';
import { archive } from '../domain/commands.ts';
import { isClosed } from '../domain/replayed-command.ts';
import { sessionToProto } from '../domain/session-to-proto.ts';
import { runIdempotentCommand } from '../unit-of-work/idempotent-command.ts';
import { loadSession } from '../unit-of-work/load-session.ts';

/** Archives a closed session. */
export const archiveSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['archiveSession'] =>
  async (request) => {
    const { sessionId, reason } = request;
    const { answer, session } = await runIdempotentCommand(deps, SessionService.method.archiveSession, request, {
      load: () => loadSession(deps, sessionId),
      decide: (current, ctx) => archive(current, reason, ctx),
      stillHolds: isClosed,
      reply: (after) => create(ArchiveSessionResponseSchema, { session: sessionToProto(after) }),
    });
    await deps.fences.confirm(session);
    return answer;
  };
