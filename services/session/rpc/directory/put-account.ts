import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  DirectoryService,
  PutAccountResponseSchema,
} from '../../../../gen/autosession/session/v1/directory_service_pb.js';
import { once } from '../../../lib/idempotency.ts';
import type { SessionDeps } from '../../deps.ts';
import { changeEntry } from '../../directory-entries.ts';
import type { Entry } from '../../domain/directory-entry.ts';
import { namesOf, presentAccount } from '../../domain/present-entry.ts';
import { DEFAULT_PLATFORM } from '../../domain/session.ts';

export const putAccount =
  (deps: SessionDeps): ServiceImpl<typeof DirectoryService>['putAccount'] =>
  (request) => {
    const { accountId: id, platform, name, botPrefix, move } = request;
    const aliases = namesOf(request.aliases);
    const remove = namesOf(request.removeAliases);
    const wish = { side: 'account', id, aliases, remove, name, botPrefix, move } as const;
    const answer = (entry: Entry) => create(PutAccountResponseSchema, { account: presentAccount(entry) });
    return once(deps, DirectoryService.method.putAccount, request, async (record) =>
      answer(await changeEntry(deps, platform || DEFAULT_PLATFORM, wish, (tx, entry) => record(tx, answer(entry)))),
    );
  };
