import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  BatchGetSessionsResponseSchema,
  type SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { SessionDeps } from '../deps.ts';
import { sessionToProto } from '../domain/session-to-proto.ts';

/** The requested sessions that exist. */
export const batchGetSessions =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['batchGetSessions'] =>
  async ({ sessionIds }) => {
    const sessions = await deps.sessions.findMany(currentTenant(), [...new Set(sessionIds)]);
    await deps.fences.confirm(...sessions);
    return create(BatchGetSessionsResponseSchema, { sessions: sessions.map(sessionToProto) });
  };
