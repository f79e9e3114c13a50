import type { ServiceImpl } from '@connectrpc/connect';
import type { DirectoryService } from '../../../../gen/autosession/session/v1/directory_service_pb.js';
import type { SessionDeps } from '../../deps.ts';
import { accountToProto, shopToProto } from '../../domain/party-to-proto.ts';
import { DEFAULT_PLATFORM } from '../../domain/session.ts';
import { requireParty } from '../../parties/update-party.ts';

type Directory = ServiceImpl<typeof DirectoryService>;

export const getAccount =
  (deps: SessionDeps): Directory['getAccount'] =>
  async ({ accountId: id, platform }) => {
    const party = await requireParty(deps, { side: 'account', platform: platform || DEFAULT_PLATFORM, id });
    return { account: accountToProto(party) };
  };

export const getShop =
  (deps: SessionDeps): Directory['getShop'] =>
  async ({ shopId: id, platform }) => {
    const party = await requireParty(deps, { side: 'shop', platform: platform || DEFAULT_PLATFORM, id });
    return { shop: shopToProto(party) };
  };
