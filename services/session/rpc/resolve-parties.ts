import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type ResolvePartiesRequest,
  ResolvePartiesResponseSchema,
  type SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { currentTenant } from '../../lib/context.ts';
import type { SessionDeps } from '../deps.ts';
import { type Alias, chooseAccount, isShopNick } from '../domain/parties.ts';
import { UNKNOWN_ACCOUNT } from '../domain/session.ts';

/** Finds, and makes where needed, the account and the shop of a batch. */
export const resolveParties =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['resolveParties'] =>
  async (request) => {
    const { platform, accountId } = request;
    const known = accountId
      ? await deps.parties.find(platform, request, accountId)
      : await deps.parties.findByNicks(platform, request, [...new Set(request.nicks)]);
    const shopKey = await deps.parties.shopKey(platform, request, known);
    const account = accountId
      ? { accountKey: await deps.parties.accountKey(platform, accountId, known), stable: true }
      : await findAccount(deps, request, shopKey, known);
    const names = await deps.parties.aliasesOf([account.accountKey, shopKey]);
    const ofAccount = names.filter(({ side, key }) => side === 'account' && key === account.accountKey);
    return create(ResolvePartiesResponseSchema, {
      accountKey: account.accountKey,
      accountId: accountId || (ofAccount.find(({ kind }) => kind === 'id')?.value ?? ''),
      shopKey,
      accountNicks: [...new Set(ofAccount.map(({ value }) => value))],
      shopNicks: names.filter(({ side, kind }) => side === 'shop' && kind === 'name').map(({ value }) => value),
      stable: account.stable,
      botPrefix: ofAccount[0]?.botPrefix || deps.config.botPrefix,
    });
  };

/** The account of a batch that names none. What the shop itself is called is nobody's nick. */
async function findAccount(
  deps: SessionDeps,
  request: ResolvePartiesRequest,
  shopKey: string,
  known: readonly Alias[],
): Promise<{ accountKey: string; stable: boolean }> {
  const { platform } = request;
  const choice = chooseAccount({
    platform,
    nicks: request.nicks.filter((nick) => !isShopNick(nick, request.shopName)),
    aliases: known.filter(({ side }) => side === 'account'),
    openSessions: await deps.sessions.openParties(currentTenant(), shopKey),
  });
  if (choice.kind === 'known') return choice;
  if (choice.kind === 'unknown') return { accountKey: UNKNOWN_ACCOUNT, stable: false };
  return { accountKey: await deps.parties.accountKey(platform, choice.accountId, known), stable: true };
}
