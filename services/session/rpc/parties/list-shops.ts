import type { ServiceImpl } from '@connectrpc/connect';
import type { DirectoryService } from '../../../../gen/autosession/session/v1/directory_service_pb.js';
import type { SessionDeps } from '../../deps.ts';
import { shopToProto } from '../../domain/party-to-proto.ts';
import { findPartyPage } from '../../parties/find-parties.ts';

export const listShops =
  (deps: SessionDeps): ServiceImpl<typeof DirectoryService>['listShops'] =>
  async (request) => {
    const { parties, nextPageToken } = await findPartyPage(deps, 'shop', request);
    return { shops: parties.map(shopToProto), nextPageToken };
  };
