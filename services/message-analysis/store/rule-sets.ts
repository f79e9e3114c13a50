import type { Executor } from '../../lib/db/sql-backend.ts';
import type { RuleSetKind } from '../domain/rules/rule-set.ts';
import type { MessageTables, RuleSetRow, RuleSetVersionRow } from './tables.ts';

/** The versions of a rule set that are kept. */
export const MAX_RULE_VERSIONS = 100;

/** Which versions are in effect, of all tenants. */
export function readEffectiveVersions(db: Executor<MessageTables>): Promise<RuleSetRow[]> {
  return db.selectFrom('rule_set').selectAll().execute();
}

/** The number of the version in effect; 0 for the default. */
export async function readEffectiveVersion(
  db: Executor<MessageTables>,
  tenant: string,
  kind: RuleSetKind,
): Promise<number> {
  const row = await db
    .selectFrom('rule_set')
    .select('version')
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .executeTakeFirst();
  return row?.version ?? 0;
}

export function readRuleSetVersion(
  db: Executor<MessageTables>,
  tenant: string,
  kind: string,
  version: number,
): Promise<RuleSetVersionRow | undefined> {
  return db
    .selectFrom('rule_set_version')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .where('version', '=', version)
    .executeTakeFirst();
}

/** The stored versions without their rules, newest first. */
export function listRuleSetVersions(
  db: Executor<MessageTables>,
  tenant: string,
  kind: RuleSetKind,
): Promise<Omit<RuleSetVersionRow, 'document'>[]> {
  return db
    .selectFrom('rule_set_version')
    .select(['tenant', 'kind', 'version', 'created_by', 'note', 'created_at'])
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .orderBy('version', 'desc')
    .execute();
}

/**
 * Stores a version and puts it into effect, in the caller's transaction. False when another version than the one before it is in
 * effect; the first version of a rule set throws the database's duplicate key then. Removes the versions beyond the kept ones.
 */
export async function addRuleSetVersion(
  tx: Executor<MessageTables>,
  row: RuleSetVersionRow,
  putId: string,
): Promise<boolean> {
  const { tenant, kind, version } = row;
  if (version === 1) await tx.insertInto('rule_set').values({ tenant, kind, version, put_id: putId }).execute();
  else {
    const { numUpdatedRows } = await tx
      .updateTable('rule_set')
      .set({ version, put_id: putId })
      .where('tenant', '=', tenant)
      .where('kind', '=', kind)
      .where('version', '=', version - 1)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) return false;
  }
  await tx.insertInto('rule_set_version').values(row).execute();
  await tx
    .deleteFrom('rule_set_version')
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .where('version', '<=', version - MAX_RULE_VERSIONS)
    .execute();
  return true;
}
