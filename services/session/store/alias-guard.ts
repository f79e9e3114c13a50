import { type ExpressionBuilder, sql } from 'kysely';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import type { PartyAlias } from '../domain/party-alias.ts';
import { type AliasName, identifiesSessions, type PartyUpdatePlan } from '../domain/party-update.ts';
import { type SessionRecord, UNKNOWN_ACCOUNT } from '../domain/session.ts';
import { type SessionTables, slotOf } from './tables.ts';

/** The keys of the account and the shop of a session, and the aliases that they come from; an empty name is not checked. */
export type SessionAliases = Readonly<
  Record<'tenant' | 'platform' | 'accountName' | 'accountKey' | 'shopName' | 'shopKey', string>
>;

/** The aliases that lead to a session. A session of an unknown account has none for the account. */
export function sessionAliases(tenant: string, session: SessionRecord): SessionAliases {
  const { platform, accountKey, accountId, shopKey, shopName } = session;
  const accountName = accountKey === UNKNOWN_ACCOUNT ? '' : accountId;
  return { tenant, platform, accountName, accountKey, shopName, shopKey };
}

/** An alias of a session belongs to another account or shop now. */
class AliasReassignedError extends Error {}

/**
 * The session's two keys for an insert. A key is NULL, which the table refuses, when its alias belongs to another party now.
 * The aliases are locked in share mode: a transaction that moves one waits for this one, and then sees the session.
 */
export function keysIfCurrent(names: SessionAliases) {
  return {
    account_key: keyIfCurrent('account', names),
    shop_key: keyIfCurrent('shop', names),
  };
}

/** The same for a session that changes its account. */
export async function lockAliases(tx: Executor<SessionTables>, names: SessionAliases): Promise<void> {
  const { account_key, shop_key } = keysIfCurrent(names);
  const keys = await tx
    .selectNoFrom((eb) => [account_key(eb).as('account_key'), shop_key(eb).as('shop_key')])
    .executeTakeFirstOrThrow();
  if (!keys.account_key || !keys.shop_key)
    throw new AliasReassignedError('an alias of the session belongs to another account or shop now');
}

/** Whether a session could not be written because an alias of it belongs to another account or shop now. */
export function isAliasReassigned(error: unknown): boolean {
  if (error instanceof AliasReassignedError) return true;
  const { errno, errcode, message = '' } = error as { errno?: number; errcode?: number; message?: string };
  return (
    (errno === MYSQL_BAD_NULL_ERRNO || errcode === SQLITE_NOT_NULL_ERRCODE) && /account_key|shop_key/.test(message)
  );
}

const MYSQL_BAD_NULL_ERRNO = 1048;
const SQLITE_NOT_NULL_ERRCODE = 1299;

function keyIfCurrent(side: PartyAlias['side'], names: SessionAliases) {
  const { tenant, platform } = names;
  const { kind, value, key } =
    side === 'account'
      ? { kind: 'id', value: names.accountName, key: names.accountKey }
      : { kind: 'name', value: names.shopName, key: names.shopKey };
  // biome-ignore lint/suspicious/noExplicitAny: used in statements on different tables
  return (eb: ExpressionBuilder<SessionTables, any>) => {
    const named = eb
      .selectFrom('directory_alias')
      .select('entry_key')
      .where('tenant', '=', tenant)
      .where('platform', '=', platform)
      .where('side', '=', side)
      .where('kind', '=', kind)
      .where('value', '=', value)
      .where('entry_key', '=', key)
      .forShare();
    return sql<string | null>`CASE WHEN ${value} = '' THEN ${key} ELSE ${named} END`;
  };
}

/**
 * Throws ALIAS_IN_USE when an alias of an open session is moved or removed by the plan: the next request with that alias would
 * open a second session. To be called after the statements that change the aliases.
 */
export async function assertAliasesUnused(
  tx: Executor<SessionTables>,
  tenant: string,
  plan: PartyUpdatePlan,
): Promise<void> {
  const leaving = [...plan.moves, ...plan.remove.map((alias) => ({ ...alias, from: plan.key }))];
  for (const alias of leaving.filter((name) => identifiesSessions(plan.side, name))) {
    const users = await findAliasUsers(tx, tenant, plan.side, alias);
    const [user] = users;
    if (!user) continue;
    const occupants =
      alias.from === plan.key
        ? []
        : await inSlots(
            tx,
            tenant,
            users.map((each) => slotIn(plan, each)),
          );
    const displaced = users.find((each) => occupants.some(({ open_slot }) => open_slot === slotIn(plan, each)));
    const occupant = displaced && occupants.find(({ open_slot }) => open_slot === slotIn(plan, displaced));
    const { kind, value } = alias;
    throw appError(ErrorReason.ALIAS_IN_USE, `an open session uses this ${kind}`, {
      kind,
      value,
      session_id: (displaced ?? user).session_id,
      conflict_session_id: occupant?.session_id,
    });
  }
}

interface User {
  readonly session_id: string;
  readonly account_key: string;
  readonly shop_key: string;
}

/** The slot that the session would have if it followed its alias. */
function slotIn({ side, key }: PartyUpdatePlan, { account_key, shop_key }: User): string {
  return side === 'account' ? slotOf(key, shop_key) : slotOf(account_key, key);
}

/** Open sessions with the alias. Those of an account are a range of the slots, those of a shop have an index. */
async function findAliasUsers(
  tx: Executor<SessionTables>,
  tenant: string,
  side: PartyAlias['side'],
  { value, from }: AliasName & { readonly from: string },
): Promise<User[]> {
  const sessions = tx
    .selectFrom('sessions')
    .select(['session_id', 'account_key', 'shop_key'])
    .where('tenant', '=', tenant)
    .limit(100);
  if (side === 'shop')
    return sessions
      .where('shop_key', '=', from)
      .where('wake_at', 'is not', null)
      .where('shop_name', '=', value)
      .execute();
  return sessions
    .where('open_slot', '>', slotOf(from, ''))
    .where('open_slot', '<', slotOf(from, '\u{10FFFF}'))
    .where('account_id', '=', value)
    .execute();
}

function inSlots(tx: Executor<SessionTables>, tenant: string, slots: readonly string[]) {
  return tx
    .selectFrom('sessions')
    .select(['session_id', 'open_slot'])
    .where('tenant', '=', tenant)
    .where('open_slot', 'in', [...slots])
    .execute();
}
