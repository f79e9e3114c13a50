import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { HandoverReason, Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import { type Handover, HandoverSchema, HandoverState } from '../../../gen/autosession/handover/v1/handover_pb.js';
import { currentTenant } from '../../lib/context.ts';
import type { Executor } from '../../lib/db/database.ts';
import { msOf, sqlTime, sqlTimeOrNull } from '../../lib/db/time.ts';
import type { Parties } from '../domain/parties.ts';
import type { HandoverFacts } from '../domain/stretch.ts';
import { enumOf, wordOf } from '../domain/words.ts';
import { type Cursor, cut, type Page, pageOf } from './page.ts';
import type { HandoverRow, HandoverTables } from './tables.ts';

/** The epoch of the session's last handover that began at `epoch` or before; 0 if none did. */
export async function epochOfHandoverBefore(
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
 * Writes what a stretch says into its record, and returns the record. `lastEpoch` is that of the stretch's last change: a
 * record between the two epochs is this stretch's, made when its beginning was not known yet. `newId` names a new one.
 */
export async function saveHandover(
  tx: Executor<HandoverTables>,
  session: Parties,
  facts: HandoverFacts,
  lastEpoch: number,
  newId: () => string,
): Promise<Handover> {
  const known = await tx
    .selectFrom('handovers')
    .selectAll()
    .where('tenant', '=', currentTenant())
    .where('session_id', '=', session.sessionId)
    .where('owner_epoch', '>=', facts.ownerEpoch)
    .where('owner_epoch', '<=', lastEpoch)
    .orderBy('owner_epoch')
    .limit(1)
    .executeTakeFirst();
  const key = { tenant: currentTenant(), session_id: session.sessionId, session_name: session.sessionName };
  const row: HandoverRow = {
    ...key,
    ...columns(facts),
    handover_id: known?.handover_id ?? newId(),
    version: (known?.version ?? 0) + 1,
  };
  if (known) await update(tx, row, known.version);
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
  // Events of a session come one by one; only a second consumer after a lost leadership can get here. It is run again.
  if (result.numUpdatedRows !== 1n) throw new Error(`the handover ${handover_id} changed meanwhile`);
}

function columns(facts: HandoverFacts) {
  return {
    owner_epoch: facts.ownerEpoch,
    state: wordOf(HandoverState, facts.state),
    reason: wordOf(HandoverReason, facts.reason),
    severity: wordOf(Severity, facts.severity),
    details: facts.details,
    agent_id: facts.agent?.agentId ?? null,
    agent_name: facts.agent?.agentName ?? null,
    attendant_external: Number(facts.external),
    created_at: sqlTime(facts.createdAt),
    taken_at: sqlTimeOrNull(facts.takenAt),
    ended_at: sqlTimeOrNull(facts.endedAt),
    end_reason: facts.endReason,
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
export async function listHandovers(
  db: Executor<HandoverTables>,
  filter: { sessionId: string; state: HandoverState },
  limit: number,
  after: Cursor | undefined,
): Promise<Page<Handover>> {
  let query = db.selectFrom('handovers').selectAll().where('tenant', '=', currentTenant());
  if (filter.sessionId) query = query.where('session_id', '=', filter.sessionId);
  if (filter.state) query = query.where('state', '=', wordOf(HandoverState, filter.state));
  const rows = await pageOf(query, { id: 'handover_id', direction: 'desc' }, limit, after).execute();
  return cut(rows, limit, (row) => row.handover_id, toHandover);
}

function toHandover(row: HandoverRow): Handover {
  return create(HandoverSchema, {
    handoverId: row.handover_id,
    sessionId: row.session_id,
    sessionName: row.session_name,
    ownerEpoch: row.owner_epoch,
    state: enumOf(HandoverState, row.state),
    reason: enumOf(HandoverReason, row.reason),
    severity: enumOf(Severity, row.severity),
    details: row.details,
    assignedAgent: row.agent_id === null ? undefined : { agentId: row.agent_id, agentName: row.agent_name ?? '' },
    attendantExternal: row.attendant_external === 1,
    createdAt: timestampFromMs(msOf(row.created_at)),
    takenAt: row.taken_at === null ? undefined : timestampFromMs(msOf(row.taken_at)),
    endedAt: row.ended_at === null ? undefined : timestampFromMs(msOf(row.ended_at)),
    endReason: row.end_reason,
  });
}
