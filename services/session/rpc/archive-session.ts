import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  ArchiveSessionResponseSchema,
  SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import type { SessionDeps } from '../deps.ts';
import { presentSession } from '../domain/present.ts';
import { isClosed } from '../domain/replay.ts';
import { archive } from '../domain/requests.ts';
import { commandOnce } from './command-once.ts';

/** Puts a closed session away. */
export const archiveSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['archiveSession'] =>
  async (request) => {
    const { sessionId, reason } = request;
    const { answer, session } = await commandOnce(deps, SessionService.method.archiveSession, request, {
      sessionId,
      decide: (current, by) => archive(current, reason, by),
      holds: isClosed,
      reply: (after) => create(ArchiveSessionResponseSchema, { session: presentSession(after) }),
    });
    await deps.fences.confirm(session);
    return answer;
  };
