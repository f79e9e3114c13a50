import type {
  ListAccountsRequest,
  ListShopsRequest,
} from '../../../gen/autosession/session/v1/directory_service_pb.js';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { SessionDeps } from '../deps.ts';
import type { PartyAlias } from '../domain/party-alias.ts';
import { decodePartyCursor, encodePartyCursor } from '../domain/party-cursor.ts';
import type { Party } from '../domain/party-update.ts';
import { listParties, readParty } from '../store/read-parties.ts';
import type { SessionTables } from '../store/tables.ts';

const DEFAULT_PAGE_SIZE = 20;

/** How a request names an account or a shop. */
interface PartyReference {
  readonly side: PartyAlias['side'];
  readonly platform: string;
  readonly id: string;
}

/** The account or shop with this id on the platform, or with this key, also a former one. Throws PARTY_NOT_FOUND. */
export async function requireParty(deps: SessionDeps, { side, platform, id }: PartyReference): Promise<Party> {
  const tenant = currentTenant();
  const existingAliases = await deps.parties.findExact(platform, side, [{ kind: 'id', value: id }]);
  const key =
    existingAliases[0]?.key ?? (side === 'shop' ? await deps.parties.findMergedInto(platform, id) : undefined) ?? id;
  const party = await readParty(deps.db.autocommit<SessionTables>(), tenant, side, key);
  if (!party) throw appError(ErrorReason.PARTY_NOT_FOUND, `there is no ${side} ${id}`, { [`${side}_id`]: id });
  return party;
}

/** One page of the accounts or shops that the request asks for. */
export async function findPartyPage(
  deps: SessionDeps,
  side: PartyAlias['side'],
  request: ListAccountsRequest | ListShopsRequest,
): Promise<{ parties: Party[]; nextPageToken: string }> {
  const size = request.pageSize || DEFAULT_PAGE_SIZE;
  const found = await listParties(deps.db.autocommit<SessionTables>(), currentTenant(), {
    side,
    platform: request.platform || undefined,
    name: request.name || undefined,
    after: decodePartyCursor(request.pageToken),
    limit: size + 1,
  });
  const parties = found.slice(0, size);
  const last = parties.at(-1);
  return { parties, nextPageToken: last && found.length > size ? encodePartyCursor(last.key) : '' };
}
