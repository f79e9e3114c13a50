import type { Executor } from '../../lib/db/sql-backend.ts';
import { sqlTime } from '../../lib/db/sql-time.ts';
import type { AliasName, PartyUpdatePlan } from '../domain/party-update.ts';
import { assertAliasesUnused } from './alias-guard.ts';
import { readParty } from './read-parties.ts';
import type { SessionTables } from './tables.ts';

type Tx = Executor<SessionTables>;

/** A concurrent writer changed the account or shop since it was read: read it again and plan again. */
export class PartyConflictError extends Error {}

/**
 * Writes a plan. Throws PartyConflictError when the party or an alias was changed since it was read, the database's
 * duplicate-key error when a new alias has an owner now, and ALIAS_IN_USE when an open session uses one that is moved.
 */
export async function writePartyUpdate(tx: Tx, tenant: string, plan: PartyUpdatePlan, now: number): Promise<void> {
  await raiseVersion(tx, tenant, plan, now);
  for (const from of new Set(plan.moves.map((move) => move.from))) await bumpVersion(tx, tenant, from, now);
  for (const move of plan.moves) await moveAlias(tx, tenant, plan, move);
  await addAliases(tx, tenant, plan, now);
  for (const name of plan.remove)
    await tx
      .deleteFrom('directory_alias')
      .where((eb) => eb.and(aliasOf(tenant, plan, name, plan.key)))
      .execute();
  await assertAliasesUnused(tx, tenant, plan);
}

/** Compare-and-set on the version, so that of two concurrent updates the second is planned on the result of the first. */
async function raiseVersion(tx: Tx, tenant: string, plan: PartyUpdatePlan, now: number): Promise<void> {
  const { key: entry_key, version, name, botPrefix: bot_prefix } = plan;
  const values = { name, bot_prefix, version: version + 1, updated_at: sqlTime(now) };
  if (version === 0) {
    const row = { ...values, tenant, entry_key, name: name ?? '', bot_prefix: bot_prefix ?? '' };
    await tx.insertInto('directory_entry').values(row).execute();
    return;
  }
  const result = await tx
    .updateTable('directory_entry')
    .set(values)
    .where((eb) => eb.and({ tenant, entry_key, version }))
    .executeTakeFirst();
  if (result.numUpdatedRows === 0n) throw new PartyConflictError();
}

/** A party that loses an alias has changed too. */
export async function bumpVersion(tx: Tx, tenant: string, entry_key: string, now: number): Promise<void> {
  const updated_at = sqlTime(now);
  const result = await tx
    .updateTable('directory_entry')
    .set((eb) => ({ version: eb('version', '+', 1), updated_at }))
    .where((eb) => eb.and({ tenant, entry_key }))
    .executeTakeFirst();
  if (result.numUpdatedRows > 0n) return;
  const row = { tenant, entry_key, name: '', bot_prefix: '', version: 1, updated_at };
  await tx.insertInto('directory_entry').values(row).execute();
}

/** When the last id of an account is moved, its nicks are moved too: an account without an id cannot log in. */
async function moveAlias(
  tx: Tx,
  tenant: string,
  plan: PartyUpdatePlan,
  move: PartyUpdatePlan['moves'][number],
): Promise<void> {
  const { key: entry_key, side } = plan;
  const result = await tx
    .updateTable('directory_alias')
    .set({ entry_key })
    .where((eb) => eb.and(aliasOf(tenant, plan, move, move.from)))
    .executeTakeFirst();
  if (result.numUpdatedRows === 0n) throw new PartyConflictError();
  if (side !== 'account' || move.kind !== 'id') return;
  const left = await readParty(tx, tenant, side, move.from);
  if (!left || left.aliases.some(({ kind }) => kind === 'id')) return;
  await tx
    .updateTable('directory_alias')
    .set({ entry_key })
    .where((eb) => eb.and({ tenant, entry_key: move.from }))
    .execute();
}

/** One millisecond apart, so that they keep the order of the request. */
async function addAliases(tx: Tx, tenant: string, plan: PartyUpdatePlan, now: number): Promise<void> {
  if (plan.add.length === 0) return;
  const rows = plan.add.map((name, index) => ({
    ...aliasOf(tenant, plan, name, plan.key),
    created_at: sqlTime(now + index),
  }));
  await tx.insertInto('directory_alias').values(rows).execute();
}

function aliasOf(tenant: string, { platform, side }: PartyUpdatePlan, { kind, value }: AliasName, entry_key: string) {
  return { tenant, platform, side, kind, value, entry_key };
}
