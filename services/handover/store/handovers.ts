import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { HandoverReason, Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import { type Handover, HandoverSchema, HandoverState } from '../../../gen/autosession/handover/v1/handover_pb.js';
import type { Database } from '../../lib/db/database.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { parseSqlTime, sqlTime, sqlTimeOrNull } from '../../lib/db/sql-time.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import { enumFromText, enumToText } from '../domain/enum-names.ts';
import type { HandoverFields } from '../domain/handover-interval.ts';
import type { SessionRef } from '../domain/session-ref.ts';
import { filterByIndex, type ListCursor, type ListPage, paginate, toListPage } from './list-page.ts';
import type { HandoverRow, HandoverTables } from './tables.ts';

/** The epoch of the session's last handover that began at `epoch` or before; 0 if none did. */
export async function lastHandoverEpoch(
  tx: Executor<HandoverTables>,
  sessionId: string,
  epoch: number,
): Promise<number> {
  const row = await tx
    .selectFrom('handovers')
    .select('owner_epoch')
    .where('tenant', '=', currentTenant())
    .where('session_id', '=', sessionId)
    .where('owner_epoch', '<=', epoch)
    .orderBy('owner_epoch', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.owner_epoch ?? 0;
}

/**
 * Writes the handover of an interval, and returns it. `lastEpoch` is the epoch of the interval's last change: a record between
 * the two epochs belongs to this interval, written when its start was not known yet. `newId` is the id of a new one.
 */
export async function saveHandover(
  tx: Executor<HandoverTables>,
  session: SessionRef,
  fields: HandoverFields,
  lastEpoch: number,
  newId: () => string,
): Promise<Handover> {
  const existing = await tx
    .selectFrom('handovers')
    .selectAll()
    .where('tenant', '=', currentTenant())
    .where('session_id', '=', session.sessionId)
    .where('owner_epoch', '>=', fields.ownerEpoch)
    .where('owner_epoch', '<=', lastEpoch)
    .orderBy('owner_epoch')
    .limit(1)
    .executeTakeFirst();
  const key = { tenant: currentTenant(), session_id: session.sessionId, session_name: session.sessionName };
  const row: HandoverRow = {
    ...key,
    ...columns(fields),
    handover_id: existing?.handover_id ?? newId(),
    version: (existing?.version ?? 0) + 1,
  };
  if (existing) await update(tx, row, existing.version);
  else await tx.insertInto('handovers').values(row).execute();
  return toHandover(row);
}

async function update(tx: Executor<HandoverTables>, row: HandoverRow, version: number): Promise<void> {
  const { tenant, handover_id, ...changes } = row;
  const result = await tx
    .updateTable('handovers')
    .set(changes)
    .where('tenant', '=', tenant)
    .where('handover_id', '=', handover_id)
    .where('version', '=', version)
    .executeTakeFirst();
  // Events of a session come one by one; only a second consumer after a lost leadership gets here. Its transaction is retried.
  if (result.numUpdatedRows !== 1n) throw new Error(`the handover ${handover_id} changed meanwhile`);
}

function columns(fields: HandoverFields) {
  return {
    owner_epoch: fields.ownerEpoch,
    state: enumToText(HandoverState, fields.state),
    reason: enumToText(HandoverReason, fields.reason),
    severity: enumToText(Severity, fields.severity),
    details: fields.details,
    agent_id: fields.agent?.agentId ?? null,
    agent_name: fields.agent?.agentName ?? null,
    attendant_external: Number(fields.external),
    created_at: sqlTime(fields.createdAt),
    taken_at: sqlTimeOrNull(fields.takenAt),
    ended_at: sqlTimeOrNull(fields.endedAt),
    end_reason: fields.endReason,
  };
}

/** The session's newest handover. */
export async function newestHandover(db: Executor<HandoverTables>, sessionId: string): Promise<Handover | undefined> {
  const row = await db
    .selectFrom('handovers')
    .selectAll()
    .where('tenant', '=', currentTenant())
    .where('session_id', '=', sessionId)
    .orderBy('owner_epoch', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row && toHandover(row);
}

/** A page of handovers, newest first. */
export async function readHandoverPage(
  db: Database,
  filter: { sessionId: string; state: HandoverState; agentId: string },
  limit: number,
  after: ListCursor | undefined,
): Promise<ListPage<Handover>> {
  const state = filter.state ? enumToText(HandoverState, filter.state) : '';
  const filters = [
    { column: 'session_id', value: filter.sessionId, index: 'handovers_session' },
    { column: 'agent_id', value: filter.agentId, index: 'handovers_agent' },
    { column: 'state', value: state, index: 'handovers_state' },
  ];
  const query = filterByIndex<HandoverRow>(db, 'handovers', filters, 'handovers_age');
  const rows = await paginate(query, { id: 'handover_id', direction: 'desc' }, limit, after).execute();
  return toListPage(rows, limit, (row) => row.handover_id, toHandover);
}

function toHandover(row: HandoverRow): Handover {
  return create(HandoverSchema, {
    handoverId: row.handover_id,
    sessionId: row.session_id,
    sessionName: row.session_name,
    ownerEpoch: row.owner_epoch,
    state: enumFromText(HandoverState, row.state),
    reason: enumFromText(HandoverReason, row.reason),
    severity: enumFromText(Severity, row.severity),
    details: row.details,
    assignedAgent: row.agent_id === null ? undefined : agentOf(row.agent_id, row.agent_name ?? ''),
    attendantExternal: row.attendant_external === 1,
    createdAt: timestampFromMs(parseSqlTime(row.created_at)),
    takenAt: row.taken_at === null ? undefined : timestampFromMs(parseSqlTime(row.taken_at)),
    endedAt: row.ended_at === null ? undefined : timestampFromMs(parseSqlTime(row.ended_at)),
    endReason: row.end_reason,
  });
}

function agentOf(id: string, name: string) {
  return { agentId: id, agentName: name, id, name };
}
