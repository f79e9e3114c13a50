import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  DirectoryService,
  PutShopResponseSchema,
} from '../../../../gen/autosession/session/v1/directory_service_pb.js';
import { once } from '../../../lib/idempotency.ts';
import type { SessionDeps } from '../../deps.ts';
import { changeEntry } from '../../directory-entries.ts';
import type { Entry } from '../../domain/directory-entry.ts';
import { namesOf, presentShop } from '../../domain/present-entry.ts';
import { DEFAULT_PLATFORM } from '../../domain/session.ts';

export const putShop =
  (deps: SessionDeps): ServiceImpl<typeof DirectoryService>['putShop'] =>
  (request) => {
    const { shopId: id, platform, name, move } = request;
    const aliases = namesOf(request.aliases);
    const remove = namesOf(request.removeAliases);
    const wish = { side: 'shop', id, aliases, remove, name, move } as const;
    const answer = (entry: Entry) => create(PutShopResponseSchema, { shop: presentShop(entry) });
    return once(deps, DirectoryService.method.putShop, request, async (record) =>
      answer(await changeEntry(deps, platform || DEFAULT_PLATFORM, wish, (tx, entry) => record(tx, answer(entry)))),
    );
  };
