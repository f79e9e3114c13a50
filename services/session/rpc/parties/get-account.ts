import type { ServiceImpl } from '@connectrpc/connect';
import type { DirectoryService } from '../../../../gen/autosession/session/v1/directory_service_pb.js';
import type { SessionDeps } from '../../deps.ts';
import { accountToProto } from '../../domain/party-to-proto.ts';
import { DEFAULT_PLATFORM } from '../../domain/session.ts';
import { requireParty } from '../../parties/find-parties.ts';

export const getAccount =
  (deps: SessionDeps): ServiceImpl<typeof DirectoryService>['getAccount'] =>
  async ({ accountId: id, platform }) => {
    const party = await requireParty(deps, { side: 'account', platform: platform || DEFAULT_PLATFORM, id });
    return { account: accountToProto(party) };
  };
