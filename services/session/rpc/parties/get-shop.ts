import type { ServiceImpl } from '@connectrpc/connect';
import type { DirectoryService } from '../../../../gen/autosession/session/v1/directory_service_pb.js';
import type { SessionDeps } from '../../deps.ts';
import { shopToProto } from '../../domain/party-to-proto.ts';
import { DEFAULT_PLATFORM } from '../../domain/session.ts';
import { requireParty } from '../../parties/find-parties.ts';

export const getShop =
  (deps: SessionDeps): ServiceImpl<typeof DirectoryService>['getShop'] =>
  async ({ shopId: id, platform }) => {
    const party = await requireParty(deps, { side: 'shop', platform: platform || DEFAULT_PLATFORM, id });
    return { shop: shopToProto(party) };
  };
