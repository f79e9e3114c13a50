import { Control, HandoverReason, Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import { ReminderState } from '../../../gen/autosession/handover/v1/handover_pb.js';
import { precompiledQuery } from '../../lib/db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { parseSqlTime, sqlTime } from '../../lib/db/sql-time.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { ControlChange } from '../domain/control-change.ts';
import { enumFromText, enumToText } from '../domain/enum-names.ts';
import type { AcknowledgedReminder } from './acknowledgements.ts';
import type { AuditRow, HandoverTables, NewAuditRow } from './tables.ts';

/** The subject of an entry. Its event makes it unique. */
export interface AuditKey {
  readonly auditId: string;
  readonly eventId: string;
  readonly sessionId: string;
}

/** An operator's decision about a task. */
export interface TaskDecision {
  readonly action: string;
  readonly actor: string;
  readonly reason: string;
  readonly before: string;
  readonly after: string;
  readonly epoch: number;
  readonly taskId: string;
  readonly at: number;
}

/** Whether the event has an entry: all of its effects were committed with it. */
export async function isAudited(tx: Executor<HandoverTables>, eventId: string): Promise<boolean> {
  return (await selectEntry(tx, { tenant: currentTenant(), eventId })).rows.length > 0;
}

const selectEntry = precompiledQuery(
  (db: Executor<HandoverTables>, { tenant, eventId }: { tenant: string; eventId: string }) =>
    db
      .selectFrom('audit_entries')
      .select('audit_id')
      .where('tenant', '=', tenant)
      .where('source_event_id', '=', eventId),
);

/** Adds the entry of a change of control. The commit fails on the unique index when the event has one. */
export async function auditControlChange(
  tx: Executor<HandoverTables>,
  key: AuditKey,
  change: ControlChange,
): Promise<void> {
  const row = {
    ...columns(key, change.at),
    actor: change.actor,
    action: change.action,
    reason: change.reason,
    state_before: change.stateBefore,
    state_after: change.stateAfter,
    owner_epoch: change.epoch,
    task_id: '',
    reminder_id: '',
    agent_id: change.agent?.agentId ?? null,
    agent_name: change.agent?.agentName ?? null,
    attendant_external: Number(change.external),
    handover_reason: enumToText(HandoverReason, change.cause),
    severity: enumToText(Severity, change.severity),
    details: change.details,
  };
  await insertEntry.enqueue(tx, { row });
}

const insertEntry = precompiledQuery((db: Executor<HandoverTables>, { row }: { row: NewAuditRow }) =>
  db.insertInto('audit_entries').values(row),
);

/** Adds the entry of an operator's decision. Fails on the unique index when the event has one. */
export async function auditDecision(
  tx: Executor<HandoverTables>,
  key: AuditKey,
  decision: TaskDecision,
): Promise<void> {
  const row = {
    ...columns(key, decision.at),
    actor: decision.actor,
    action: decision.action,
    reason: decision.reason,
    state_before: decision.before,
    state_after: decision.after,
    owner_epoch: decision.epoch,
    task_id: decision.taskId,
    reminder_id: '',
    ...noControlChange,
  };
  await tx.insertInto('audit_entries').values(row).execute();
}

/** Adds the entry of the acknowledgement of a reminder. Fails on the unique index when the reminder has one. */
export async function auditAcknowledgement(
  tx: Executor<HandoverTables>,
  auditId: string,
  reminder: AcknowledgedReminder,
): Promise<void> {
  const { reminder_id, session_id, kind, state, acknowledged_at: at, acknowledged_by: actor } = reminder;
  const row = {
    ...columns({ auditId, eventId: reminder_id, sessionId: session_id }, parseSqlTime(at)),
    actor,
    action: 'acknowledge_reminder',
    reason: kind,
    state_before: state,
    state_after: enumToText(ReminderState, ReminderState.ACKNOWLEDGED),
    owner_epoch: 0,
    task_id: '',
    reminder_id,
    ...noControlChange,
  };
  await tx.insertInto('audit_entries').values(row).execute();
}

const noControlChange = {
  agent_id: null,
  agent_name: null,
  attendant_external: 0,
  handover_reason: enumToText(HandoverReason, HandoverReason.UNSPECIFIED),
  severity: enumToText(Severity, Severity.UNSPECIFIED),
  details: '',
};

function columns({ auditId, eventId, sessionId }: AuditKey, at: number) {
  const ids = { tenant: currentTenant(), audit_id: auditId, source_event_id: eventId, session_id: sessionId };
  return { ...ids, created_at: sqlTime(at) };
}

/** The session's changes of control from `fromEpoch` on. */
export async function controlChangesFrom(
  tx: Executor<HandoverTables>,
  sessionId: string,
  fromEpoch: number,
): Promise<ControlChange[]> {
  const rows = await tx
    .selectFrom('audit_entries')
    .selectAll()
    .where('tenant', '=', currentTenant())
    .where('session_id', '=', sessionId)
    .where('owner_epoch', '>=', fromEpoch)
    .where('task_id', '=', '')
    .where('reminder_id', '=', '')
    .orderBy('owner_epoch')
    .execute();
  return rows.map(toControlChange);
}

function toControlChange(row: AuditRow): ControlChange {
  return {
    action: row.action,
    actor: row.actor,
    reason: row.reason,
    stateBefore: row.state_before,
    stateAfter: row.state_after,
    before: parseControl(row.state_before),
    after: parseControl(row.state_after),
    epoch: row.owner_epoch,
    at: parseSqlTime(row.created_at),
    agent: row.agent_id === null ? undefined : { agentId: row.agent_id, agentName: row.agent_name ?? '' },
    external: row.attendant_external === 1,
    cause: enumFromText(HandoverReason, row.handover_reason),
    severity: enumFromText(Severity, row.severity),
    details: row.details,
  };
}

/** The control of `active/bot_active`. */
function parseControl(stateAndControl: string): Control {
  return enumFromText(Control, stateAndControl.split('/')[1] ?? 'unspecified');
}
