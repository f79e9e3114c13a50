import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type ResolvePartiesRequest,
  ResolvePartiesResponseSchema,
  type SessionService,
} from '../../../gen/autosession/session/v1/session_service_pb.js';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { SessionDeps } from '../deps.ts';
import { chooseAccount, isShopNick } from '../domain/choose-account.ts';
import type { PartyAlias } from '../domain/party-alias.ts';
import { UNKNOWN_ACCOUNT } from '../domain/session.ts';

/** Finds the account and the shop of a batch, and creates them if needed. */
export const resolveParties =
  (deps: SessionDeps): ServiceImpl<typeof SessionService>['resolveParties'] =>
  async (request) => {
    const { platform, accountId } = request;
    const nicks = accountId ? [] : [...new Set(request.nicks)];
    const { known: existingAliases, names } = await deps.parties.findParties(platform, request, accountId, nicks);
    const shopKey = await deps.parties.shopKey(platform, request, existingAliases);
    const account = accountId
      ? { accountKey: await deps.parties.accountKey(platform, accountId, existingAliases), stable: true }
      : await findAccount(deps, request, shopKey, existingAliases);
    const all = isComplete(existingAliases, names, account.accountKey)
      ? names
      : await deps.parties.aliasesOf([account.accountKey, shopKey]);
    const ofAccount = all.filter(({ side, key }) => side === 'account' && key === account.accountKey);
    const ofShop = all.filter(({ side, key }) => side === 'shop' && key === shopKey);
    return create(ResolvePartiesResponseSchema, {
      accountKey: account.accountKey,
      accountId: accountId || (ofAccount.find(({ kind }) => kind === 'id')?.value ?? ''),
      shopKey,
      accountNicks: [...new Set(ofAccount.map(({ value }) => value))],
      shopNicks: ofShop.filter(({ kind }) => kind === 'name').map(({ value }) => value),
      stable: account.stable,
      botPrefix: ofAccount[0]?.botPrefix || deps.config.botPrefix,
      formerShopKeys: ofShop.filter(({ kind }) => kind === 'key').map(({ value }) => value),
    });
  };

/** Whether the aliases that were read hold all names of both: nothing was created, and the account was found by a name. */
function isComplete(existingAliases: readonly PartyAlias[], names: readonly PartyAlias[], accountKey: string): boolean {
  const hasAccount = accountKey === UNKNOWN_ACCOUNT || names.some(({ key }) => key === accountKey);
  return hasAccount && existingAliases.some(({ side, kind }) => side === 'shop' && kind === 'name');
}

/** The account of a batch that names none. Nicks that look like the shop's name are not nicks of an account. */
async function findAccount(
  deps: SessionDeps,
  request: ResolvePartiesRequest,
  shopKey: string,
  existingAliases: readonly PartyAlias[],
): Promise<{ accountKey: string; stable: boolean }> {
  const { platform } = request;
  const choice = chooseAccount({
    platform,
    nicks: request.nicks.filter((nick) => !isShopNick(nick, request.shopName)),
    aliases: existingAliases.filter(({ side }) => side === 'account'),
    openSessions: await deps.sessions.openParties(currentTenant(), shopKey),
  });
  if (choice.kind === 'known') return choice;
  if (choice.kind === 'unknown') return { accountKey: UNKNOWN_ACCOUNT, stable: false };
  return { accountKey: await deps.parties.accountKey(platform, choice.accountId, existingAliases), stable: true };
}
