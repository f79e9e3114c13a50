import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type GetOpenSessionRequest,
  GetOpenSessionResponseSchema,
  type SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { SessionDeps } from '../deps.ts';
import { findAliasByName } from '../domain/look-alikes.ts';
import { DEFAULT_PLATFORM, type SessionRecord, UNKNOWN_ACCOUNT } from '../domain/session.ts';
import { optionalTimestamp } from '../domain/session-to-proto.ts';

/** The session that holds the slot of (account, shop). */
export const getOpenSession =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['getOpenSession'] =>
  async (request) => {
    const session = await findSlotHolder(deps, request);
    if (!session) return create(GetOpenSessionResponseSchema, { hasActiveSession: false });
    const [, { messageCount }] = await Promise.all([
      deps.fences.confirm(session),
      deps.messages.getSessionMessages({ sessionId: session.sessionId, limit: 0 }),
    ]);
    return create(GetOpenSessionResponseSchema, {
      hasActiveSession: true,
      sessionId: session.sessionId,
      state: session.state,
      status: session.control,
      createdBy: session.createdBy,
      taskType: session.taskType,
      messageCount,
      lastActivity: optionalTimestamp(session.lastActivity),
    });
  };

/** The account's own session, else that of the shop's unknown account, which holds the slots of all accounts. */
async function findSlotHolder(deps: SessionDeps, request: GetOpenSessionRequest): Promise<SessionRecord | undefined> {
  const existingAliases = await deps.parties.find(request.platform || DEFAULT_PLATFORM, request, request.accountId);
  const shops = existingAliases.filter(({ side }) => side === 'shop');
  const named = shops.filter(({ kind }) => kind === 'name');
  const shop = findAliasByName(named, request.shopName) ?? shops[0];
  if (!shop) return undefined;
  const account = existingAliases.find(({ side }) => side === 'account');
  const open = await deps.sessions.findOpen(currentTenant(), account?.key, shop.key);
  return open.find((session) => session.accountKey !== UNKNOWN_ACCOUNT) ?? open[0];
}
