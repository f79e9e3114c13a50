import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  GetSessionResponseSchema,
  type SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import type { SessionDeps } from '../deps.ts';
import { sessionToProto } from '../domain/session-to-proto.ts';
import { loadSession } from '../unit-of-work/load-session.ts';

export const getSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['getSession'] =>
  async ({ sessionId }) => {
    const session = await loadSession(deps, sessionId);
    await deps.fences.confirm(session);
    return create(GetSessionResponseSchema, { session: sessionToProto(session) });
  };
