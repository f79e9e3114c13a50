import { sql } from 'kysely';
import type { Database } from '../../lib/db/database.ts';
import { precompiledQuery } from '../../lib/db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { parseSqlTime, sqlTime } from '../../lib/db/sql-time.ts';
import {
  type AuditContent,
  type ChainedEntry,
  type ChainHead,
  isSameMac,
  type SigningKey,
  signHead,
} from '../domain/audit-chain.ts';
import type { ChainPosition } from '../domain/verify-chain.ts';
import type { AuditChainRow, AuditRow, HandoverTables } from './tables.ts';

/** What the API can show; a larger number is none that the chain has given. */
export const MAX_CHAIN_SEQ = 0xffffffff;

/** Whether the chain can have given this number. */
export function isChainSeq(seq: number | null): seq is number {
  return seq !== null && seq > 0 && seq <= MAX_CHAIN_SEQ;
}

/** A head as it is stored. */
export interface StoredHead extends ChainHead {
  /** Whether its signature is right. */
  readonly isValid: boolean;
}

/** The first tenant behind `after` that has entries without a number. */
export async function nextUnchainedTenant(db: Database, after: string): Promise<string | undefined> {
  const row = await unchained(db.autocommit<HandoverTables>(), db)
    .select('tenant')
    .where('tenant', '>', after)
    .orderBy('tenant')
    .limit(1)
    .executeTakeFirst();
  return row?.tenant;
}

/** Counting goes no further. */
export const MAX_UNCHAINED = 10_000;

/** How many entries of all tenants have no number yet, counted up to `max`. */
export async function countUnchained(db: Database, max: number): Promise<number> {
  const rows = await unchained(db.autocommit<HandoverTables>(), db).select('audit_id').limit(max).execute();
  return rows.length;
}

/** The oldest entries of a tenant that have no number, by their ids. */
export function readUnchained(
  tx: Executor<HandoverTables>,
  db: Database,
  tenant: string,
  limit: number,
): Promise<AuditRow[]> {
  return unchained(tx, db).selectAll().where('tenant', '=', tenant).orderBy('audit_id').limit(limit).execute();
}

/** Names the index: SQLite has no statistics, and MariaDB estimates NULLs badly. */
function unchained(executor: Executor<HandoverTables>, { dialect }: Database) {
  const index = sql.ref('audit_entries_unchained');
  const hint = dialect === 'mysql' ? sql`FORCE INDEX (${index})` : sql`INDEXED BY ${index}`;
  return executor
    .selectFrom(sql<AuditRow>`audit_entries`.as<'unchained'>(sql`unchained ${hint}`))
    .where('chain_seq', 'is', null);
}

/** Gives an entry its place and its signature. Returns false when it has one already, or is gone. */
export async function saveChained(tx: Executor<HandoverTables>, { place, content, mac, keyId }: ChainedEntry) {
  const { tenant, seq, previous } = place;
  const { numAffectedRows } = await setChained(tx, { tenant, seq, previous, mac, keyId, auditId: content.auditId });
  return numAffectedRows === 1n;
}

interface ChainedColumns {
  readonly tenant: string;
  readonly auditId: string;
  readonly seq: number;
  readonly previous: string;
  readonly mac: string;
  readonly keyId: string;
}

const setChained = precompiledQuery(
  (db: Executor<HandoverTables>, { tenant, auditId, seq, previous, mac, keyId }: ChainedColumns) =>
    db
      .updateTable('audit_entries')
      .set({ chain_seq: seq, chain_previous: previous, chain_mac: mac, chain_key: keyId })
      .where('tenant', '=', tenant)
      .where('audit_id', '=', auditId)
      .where('chain_seq', 'is', null),
);

/** A tenant's head; undefined when there is none. With `lock` other processes wait before they extend or shorten the chain. */
export async function readHead(
  executor: Executor<HandoverTables>,
  keys: readonly SigningKey[],
  tenant: string,
  { lock = false } = {},
): Promise<StoredHead | undefined> {
  const query = executor.selectFrom('audit_chains').selectAll().where('tenant', '=', tenant);
  const row = await (lock ? query.forUpdate() : query).executeTakeFirst();
  return row && toHead(keys, row);
}

function toHead(keys: readonly SigningKey[], row: AuditChainRow): StoredHead {
  const head: ChainHead = {
    tenant: row.tenant,
    seq: row.head_seq,
    mac: row.head_mac,
    anchorSeq: row.anchor_seq,
    anchorMac: row.anchor_mac,
  };
  const key = keys.find(({ id }) => id === row.key_id);
  return { ...head, isValid: key !== undefined && isSameMac(signHead(key, head), row.mac) };
}

/** Stores the signed head. Fails on the primary key when `isNew` and another process has stored one. */
export async function saveHead(
  tx: Executor<HandoverTables>,
  key: SigningKey,
  head: ChainHead,
  isNew: boolean,
): Promise<void> {
  const columns = {
    head_seq: head.seq,
    head_mac: head.mac,
    anchor_seq: head.anchorSeq,
    anchor_mac: head.anchorMac,
    key_id: key.id,
    mac: signHead(key, head),
  };
  if (isNew)
    await tx
      .insertInto('audit_chains')
      .values({ tenant: head.tenant, ...columns })
      .execute();
  else await tx.updateTable('audit_chains').set(columns).where('tenant', '=', head.tenant).execute();
}

/** The position of the last entry that has a number; 0 without one. */
export async function lastChained(executor: Executor<HandoverTables>, tenant: string): Promise<ChainPosition> {
  const row = await executor
    .selectFrom('audit_entries')
    .select(['chain_seq', 'chain_mac'])
    .where('tenant', '=', tenant)
    .where('chain_seq', '>', 0)
    .where('chain_seq', '<=', MAX_CHAIN_SEQ)
    .orderBy('chain_seq', 'desc')
    .limit(1)
    .executeTakeFirst();
  return { seq: row?.chain_seq ?? 0, mac: row?.chain_mac ?? '' };
}

/** The entries with the numbers from `first` to `last`, in their order: `limit` of them, and others that have the last one's number. */
export async function readChained(
  db: Database,
  tenant: string,
  range: { readonly first: number; readonly last: number },
  limit: number,
): Promise<ChainedEntry[]> {
  const rows = await db
    .autocommit<HandoverTables>()
    .selectFrom('audit_entries')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('chain_seq', '>=', range.first)
    .where('chain_seq', '<=', range.last)
    .orderBy('chain_seq')
    .limit(limit + 1)
    .execute();
  const hasFork = rows.length > limit && rows.at(-1)?.chain_seq === rows.at(-2)?.chain_seq;
  return rows.slice(0, hasFork ? undefined : limit).map((row) => ({
    place: { tenant, seq: row.chain_seq ?? 0, previous: row.chain_previous ?? '' },
    content: toAuditContent(row),
    mac: row.chain_mac ?? '',
    keyId: row.chain_key ?? '',
  }));
}

/** The last of the first `limit` entries behind the anchor of which all were created before `before`; undefined for none. */
export async function lastExpired(
  tx: Executor<HandoverTables>,
  { tenant, anchorSeq }: ChainHead,
  before: number,
  limit: number,
): Promise<ChainPosition | undefined> {
  const rows = await tx
    .selectFrom('audit_entries')
    .select(['chain_seq', 'chain_mac', 'created_at'])
    .where('tenant', '=', tenant)
    .where('chain_seq', '>', anchorSeq)
    .orderBy('chain_seq')
    .limit(limit)
    .execute();
  const cutoff = sqlTime(before);
  const kept = rows.findIndex(({ created_at }) => created_at >= cutoff);
  const last = rows.at(kept === -1 ? -1 : kept - 1);
  return kept === 0 || !last ? undefined : { seq: last.chain_seq ?? 0, mac: last.chain_mac ?? '' };
}

/** Removes the entries up to a number; returns how many. */
export async function removeChained(tx: Executor<HandoverTables>, tenant: string, upTo: number): Promise<number> {
  const { numDeletedRows } = await tx
    .deleteFrom('audit_entries')
    .where('tenant', '=', tenant)
    .where('chain_seq', '<=', upTo)
    .executeTakeFirst();
  return Number(numDeletedRows);
}

/** The tenants that have a chain. */
export async function chainedTenants(db: Database): Promise<string[]> {
  const rows = await db.autocommit<HandoverTables>().selectFrom('audit_chains').select('tenant').execute();
  return rows.map(({ tenant }) => tenant);
}

/** What is signed of an entry. */
export function toAuditContent(row: AuditRow): AuditContent {
  return {
    auditId: row.audit_id,
    sourceEventId: row.source_event_id,
    sessionId: row.session_id,
    actor: row.actor,
    action: row.action,
    reason: row.reason,
    stateBefore: row.state_before,
    stateAfter: row.state_after,
    ownerEpoch: row.owner_epoch,
    taskId: row.task_id,
    reminderId: row.reminder_id,
    createdAt: parseSqlTime(row.created_at),
    agentId: row.agent_id,
    agentName: row.agent_name,
    attendantExternal: row.attendant_external === 1,
    handoverReason: row.handover_reason,
    severity: row.severity,
    details: row.details,
  };
}
