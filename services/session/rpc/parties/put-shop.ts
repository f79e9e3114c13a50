import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  DirectoryService,
  PutShopResponseSchema,
} from '../../../../gen/autosession/session/v1/directory_service_pb.js';
import { IdempotencyRecord } from '../../../lib/idempotency/idempotency-record.ts';
import type { SessionDeps } from '../../deps.ts';
import { namesOf, shopToProto } from '../../domain/party-to-proto.ts';
import { DEFAULT_PLATFORM } from '../../domain/session.ts';
import { updateParty } from '../../parties/update-party.ts';

export const putShop =
  (deps: SessionDeps): ServiceImpl<typeof DirectoryService>['putShop'] =>
  (request) => {
    const { shopId: id, platform, name, move } = request;
    const aliases = namesOf(request.aliases);
    const remove = namesOf(request.removeAliases);
    const update = { side: 'shop', id, aliases, remove, name, move } as const;
    const record = new IdempotencyRecord(deps, DirectoryService.method.putShop, request);
    return updateParty(deps, platform || DEFAULT_PLATFORM, update, record, (party) =>
      create(PutShopResponseSchema, { shop: shopToProto(party) }),
    );
  };
