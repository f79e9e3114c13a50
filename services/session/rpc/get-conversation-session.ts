import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  GetConversationSessionResponseSchema,
  type SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { currentTenant } from '../../lib/context.ts';
import type { SessionDeps } from '../deps.ts';
import { presentSession } from '../domain/present.ts';

/** The open session of (account, shop). That of the shop's unknown account is another conversation's. */
export const getConversationSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['getConversationSession'] =>
  async ({ accountKey, shopKey }) => {
    const open = await deps.sessions.findOpen(currentTenant(), accountKey, shopKey);
    const session = open.find((candidate) => candidate.accountKey === accountKey);
    if (session) await deps.fences.confirm(session);
    return create(GetConversationSessionResponseSchema, { session: session && presentSession(session) });
  };
