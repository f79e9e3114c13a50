import type { ServiceImpl } from '@connectrpc/connect';
import type { DirectoryService } from '../../../../gen/autosession/session/v1/directory_service_pb.js';
import type { SessionDeps } from '../../deps.ts';
import { accountToProto } from '../../domain/party-to-proto.ts';
import { findPartyPage } from '../../parties/find-parties.ts';

export const listAccounts =
  (deps: SessionDeps): ServiceImpl<typeof DirectoryService>['listAccounts'] =>
  async (request) => {
    const { parties, nextPageToken } = await findPartyPage(deps, 'account', request);
    return { accounts: parties.map(accountToProto), nextPageToken };
  };
