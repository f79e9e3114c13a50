import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  DirectoryService,
  PutAccountResponseSchema,
} from '../../../../gen/autosession/session/v1/directory_service_pb.js';
import { IdempotencyRecord } from '../../../lib/idempotency/idempotency-record.ts';
import type { SessionDeps } from '../../deps.ts';
import { accountToProto, namesOf } from '../../domain/party-to-proto.ts';
import { DEFAULT_PLATFORM } from '../../domain/session.ts';
import { updateParty } from '../../parties/update-party.ts';

export const putAccount =
  (deps: SessionDeps): ServiceImpl<typeof DirectoryService>['putAccount'] =>
  (request) => {
    const { accountId: id, platform, name, botPrefix, move } = request;
    const aliases = namesOf(request.aliases);
    const remove = namesOf(request.removeAliases);
    const update = { side: 'account', id, aliases, remove, name, botPrefix, move } as const;
    const record = new IdempotencyRecord(deps, DirectoryService.method.putAccount, request);
    return updateParty(deps, platform || DEFAULT_PLATFORM, update, record, (party) =>
      create(PutAccountResponseSchema, { account: accountToProto(party) }),
    );
  };
