import type { ServiceImpl } from '@connectrpc/connect';
import type {
  DirectoryService,
  ListAccountsRequest,
  ListShopsRequest,
} from '../../../../gen/autosession/session/v1/directory_service_pb.js';
import { currentTenant } from '../../../lib/context.ts';
import type { SessionDeps } from '../../deps.ts';
import { keyOf, pageToken } from '../../domain/directory-page.ts';
import type { Alias } from '../../domain/parties.ts';
import { presentAccount, presentShop } from '../../domain/present-entry.ts';
import { listEntries } from '../../store/read-entries.ts';
import type { SessionTables } from '../../store/schema.ts';

type Directory = ServiceImpl<typeof DirectoryService>;

const PAGE_SIZE = 20;

export const listAccounts =
  (deps: SessionDeps): Directory['listAccounts'] =>
  async (request) => {
    const { entries, nextPageToken } = await page(deps, 'account', request);
    return { accounts: entries.map(presentAccount), nextPageToken };
  };

export const listShops =
  (deps: SessionDeps): Directory['listShops'] =>
  async (request) => {
    const { entries, nextPageToken } = await page(deps, 'shop', request);
    return { shops: entries.map(presentShop), nextPageToken };
  };

async function page(deps: SessionDeps, side: Alias['side'], request: ListAccountsRequest | ListShopsRequest) {
  const size = request.pageSize || PAGE_SIZE;
  const found = await listEntries(deps.db.of<SessionTables>(), currentTenant(), {
    side,
    platform: request.platform || undefined,
    name: request.name || undefined,
    after: keyOf(request.pageToken),
    limit: size + 1,
  });
  const entries = found.slice(0, size);
  const last = entries.at(-1);
  return { entries, nextPageToken: last && found.length > size ? pageToken(last.key) : '' };
}
