import type { ServiceImpl } from '@connectrpc/connect';
import type { DirectoryService } from '../../../../gen/autosession/session/v1/directory_service_pb.js';
import type { SessionDeps } from '../../deps.ts';
import { mustFindEntry } from '../../directory-entries.ts';
import { presentAccount, presentShop } from '../../domain/present-entry.ts';
import { DEFAULT_PLATFORM } from '../../domain/session.ts';

type Directory = ServiceImpl<typeof DirectoryService>;

export const getAccount =
  (deps: SessionDeps): Directory['getAccount'] =>
  async ({ accountId: id, platform }) => {
    const entry = await mustFindEntry(deps, { side: 'account', platform: platform || DEFAULT_PLATFORM, id });
    return { account: presentAccount(entry) };
  };

export const getShop =
  (deps: SessionDeps): Directory['getShop'] =>
  async ({ shopId: id, platform }) => {
    const entry = await mustFindEntry(deps, { side: 'shop', platform: platform || DEFAULT_PLATFORM, id });
    return { shop: presentShop(entry) };
  };
