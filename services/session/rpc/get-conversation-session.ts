import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  GetConversationSessionResponseSchema,
  type SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { SessionDeps } from '../deps.ts';
import { sessionToProto } from '../domain/session-to-proto.ts';

/**
 * The open session of (account, shop). The shop's unknown account is another conversation. The session of a merged shop is only
 * found under the key of the remaining shop.
 */
export const getConversationSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['getConversationSession'] =>
  async ({ platform, accountKey, shopKey }) => {
    const open = await deps.sessions.findOpen(currentTenant(), accountKey, shopKey);
    const session = open.find((candidate) => candidate.accountKey === accountKey);
    if (!session) {
      const partiesMoved = (await deps.parties.findMergedInto(platform, shopKey)) !== undefined;
      return create(GetConversationSessionResponseSchema, { partiesMoved });
    }
    await deps.fences.confirm(session);
    return create(GetConversationSessionResponseSchema, { session: sessionToProto(session) });
  };
