import type { ServiceImpl } from '@connectrpc/connect';
import type {
  DirectoryService,
  ListAccountsRequest,
  ListShopsRequest,
} from '../../../../gen/autosession/session/v1/directory_service_pb.js';
import { currentTenant } from '../../../lib/runtime/request-context.ts';
import type { SessionDeps } from '../../deps.ts';
import type { PartyAlias } from '../../domain/party-alias.ts';
import { decodePartyCursor, encodePartyCursor } from '../../domain/party-cursor.ts';
import { accountToProto, shopToProto } from '../../domain/party-to-proto.ts';
import { listParties } from '../../store/read-parties.ts';
import type { SessionTables } from '../../store/tables.ts';

type Directory = ServiceImpl<typeof DirectoryService>;

const PAGE_SIZE = 20;

export const listAccounts =
  (deps: SessionDeps): Directory['listAccounts'] =>
  async (request) => {
    const { entries, nextPageToken } = await listPage(deps, 'account', request);
    return { accounts: entries.map(accountToProto), nextPageToken };
  };

export const listShops =
  (deps: SessionDeps): Directory['listShops'] =>
  async (request) => {
    const { entries, nextPageToken } = await listPage(deps, 'shop', request);
    return { shops: entries.map(shopToProto), nextPageToken };
  };

async function listPage(deps: SessionDeps, side: PartyAlias['side'], request: ListAccountsRequest | ListShopsRequest) {
  const size = request.pageSize || PAGE_SIZE;
  const found = await listParties(deps.db.autocommit<SessionTables>(), currentTenant(), {
    side,
    platform: request.platform || undefined,
    name: request.name || undefined,
    after: decodePartyCursor(request.pageToken),
    limit: size + 1,
  });
  const entries = found.slice(0, size);
  const last = entries.at(-1);
  return { entries, nextPageToken: last && found.length > size ? encodePartyCursor(last.key) : '' };
}
