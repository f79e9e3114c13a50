import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type AuditEntry, AuditEntrySchema } from '../../../gen/autosession/handover/v1/handover_pb.js';
import type { Database } from '../../lib/db/database.ts';
import { parseSqlTime, sqlTime } from '../../lib/db/sql-time.ts';
import { isChainSeq } from './audit-chain.ts';
import { filterByIndex, type ListCursor, type ListPage, paginate, toListPage } from './list-page.ts';
import type { AuditRow } from './tables.ts';

/** Which entries a page has; empty and undefined mean any. */
export interface AuditFilter {
  readonly sessionId: string;
  readonly actor: string;
  /** Epoch milliseconds: from then on. */
  readonly since?: number;
  /** Epoch milliseconds: before then. */
  readonly until?: number;
  readonly newestFirst: boolean;
}

/** A page of the audit. */
export async function readAuditPage(
  db: Database,
  { sessionId, actor, since, until, newestFirst }: AuditFilter,
  limit: number,
  after: ListCursor | undefined,
): Promise<ListPage<AuditEntry>> {
  const filters = [
    { column: 'session_id', value: sessionId, index: 'audit_entries_session' },
    { column: 'actor_key', value: actor, index: 'audit_entries_actor' },
  ];
  let query = filterByIndex<AuditRow>(db, 'audit_entries', filters, 'audit_entries_age');
  if (since !== undefined) query = query.where('created_at', '>=', sqlTime(since));
  if (until !== undefined) query = query.where('created_at', '<', sqlTime(until));
  const order = { id: 'audit_id', direction: newestFirst ? 'desc' : 'asc' } as const;
  const rows = await paginate(query, order, limit, after).execute();
  return toListPage(rows, limit, (row) => row.audit_id, toEntry);
}

function toEntry(row: AuditRow): AuditEntry {
  return create(AuditEntrySchema, {
    auditId: row.audit_id,
    sessionId: row.session_id,
    actor: row.actor,
    action: row.action,
    reason: row.reason,
    before: row.state_before,
    after: row.state_after,
    ownerEpoch: row.owner_epoch,
    createdAt: timestampFromMs(parseSqlTime(row.created_at)),
    taskId: row.task_id,
    reminderId: row.reminder_id,
    chainSeq: isChainSeq(row.chain_seq) ? row.chain_seq : 0,
    chainMac: row.chain_mac ?? '',
  });
}
