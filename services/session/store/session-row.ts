import type { JsonObject } from '@bufbuild/protobuf';
import type { Insertable, Selectable, Updateable } from 'kysely';
import { Control, SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import { Creator } from '../../../gen/autosession/session/v1/session_pb.js';
import { TaskType } from '../../../gen/autosession/task/v1/task_pb.js';
import { parseSqlTime, parseSqlTimeOrUndefined, sqlTime, sqlTimeOrNull } from '../../lib/db/sql-time.ts';
import { sessionControlName, sessionStateName, taskTypeName } from '../domain/enum-names.ts';
import { type Chat, type EscalationRecord, type SessionRecord, waitingSince } from '../domain/session.ts';
import { nextDueAt } from '../domain/timers.ts';
import type { SessionRow } from './tables.ts';

/** The row of a session. `wake_at` is computed from the session, so that it is correct after every write. */
export function rowOf(tenant: string, s: SessionRecord, idleAfterMs: number): Insertable<SessionRow> {
  return {
    tenant,
    session_id: s.sessionId,
    session_name: s.sessionName,
    state: sessionStateName(s.state),
    control: sessionControlName(s.control),
    owner_epoch: s.ownerEpoch,
    fenced_epoch: s.fencedEpoch,
    tasks_from_epoch: s.tasksFromEpoch,
    version: s.version,
    source_seq: s.sourceSeq,
    task_type: taskTypeName(s.taskType),
    external_task_id: s.externalTaskId,
    first_task_id: s.firstTaskId,
    create_hash: s.createHash || null,
    taken_hash: s.takenHash || null,
    platform: s.platform,
    account_key: s.accountKey,
    shop_key: s.shopKey,
    account_id: s.accountId,
    shop_id: s.shopId,
    shop_name: s.shopName,
    agent_id: s.agent?.id ?? null,
    agent_name: s.agent?.name ?? null,
    attendant_external: s.attendantExternal ? 1 : 0,
    attendant_due_at: sqlTimeOrNull(s.attendantDueAt),
    escalation: s.escalation ? JSON.stringify(s.escalation) : null,
    created_by: Creator[s.createdBy].toLowerCase(),
    max_inactive_minutes: s.maxInactiveMinutes,
    vip: s.vip ? 1 : 0,
    last_released_by: s.lastReleasedBy,
    released_version: s.releasedVersion,
    created_at: sqlTime(s.createdAt),
    updated_at: sqlTime(s.updatedAt),
    last_activity: sqlTime(s.lastActivity),
    finished_at: sqlTimeOrNull(s.finishedAt),
    resume_at: sqlTimeOrNull(s.resumeAt),
    last_manual_end_at: sqlTimeOrNull(s.lastManualEndAt),
    close_reason: s.closeReason,
    wake_at: sqlTimeOrNull(nextDueAt(s, idleAfterMs)),
    waiting_since: sqlTimeOrNull(waitingSince(s)),
    ...chatColumns(s.chat),
  };
}

function chatColumns(chat: Chat | undefined) {
  return {
    kind: chat ? 'chat' : 'shop',
    user_id: chat?.userId ?? '',
    bot_id: chat?.botId ?? '',
    ttl_seconds: chat?.ttlSeconds ?? null,
    metadata: chat?.metadata ? JSON.stringify(chat.metadata) : null,
  };
}

/** The columns of an update: those that differ, and `wake_at`, which depends on the settings too. */
export function changedColumns(before: Insertable<SessionRow>, after: Insertable<SessionRow>): Updateable<SessionRow> {
  const columns = Object.entries(after).filter(
    ([name, value]) => name === 'wake_at' || value !== before[name as keyof typeof before],
  );
  const row: Updateable<SessionRow> = Object.fromEntries(columns);
  // confirmEpoch() writes it concurrently: a value that was read before must not overwrite it
  delete row.fenced_epoch;
  return row;
}

export function sessionOf(row: Selectable<SessionRow>): SessionRecord {
  return {
    sessionId: row.session_id,
    sessionName: row.session_name,
    state: fromEnumName(SessionState, row.state),
    control: fromEnumName(Control, row.control),
    ownerEpoch: row.owner_epoch,
    fencedEpoch: row.fenced_epoch,
    tasksFromEpoch: row.tasks_from_epoch,
    version: row.version,
    sourceSeq: row.source_seq,
    taskType: fromEnumName(TaskType, row.task_type),
    externalTaskId: row.external_task_id,
    firstTaskId: row.first_task_id,
    createHash: row.create_hash ?? '',
    takenHash: row.taken_hash ?? '',
    platform: row.platform,
    accountKey: row.account_key,
    shopKey: row.shop_key,
    accountId: row.account_id,
    shopId: row.shop_id,
    shopName: row.shop_name,
    agent: row.agent_id === null ? undefined : { id: row.agent_id, name: row.agent_name ?? '' },
    attendantExternal: row.attendant_external === 1,
    attendantDueAt: parseSqlTimeOrUndefined(row.attendant_due_at),
    escalation: row.escalation === null ? undefined : (JSON.parse(row.escalation) as EscalationRecord),
    createdBy: fromEnumName(Creator, row.created_by),
    maxInactiveMinutes: row.max_inactive_minutes,
    vip: row.vip === 1,
    lastReleasedBy: row.last_released_by,
    releasedVersion: row.released_version,
    createdAt: parseSqlTime(row.created_at),
    updatedAt: parseSqlTime(row.updated_at),
    lastActivity: parseSqlTime(row.last_activity),
    finishedAt: parseSqlTimeOrUndefined(row.finished_at),
    resumeAt: parseSqlTimeOrUndefined(row.resume_at),
    lastManualEndAt: parseSqlTimeOrUndefined(row.last_manual_end_at),
    closeReason: row.close_reason,
    chat: row.kind === 'chat' ? chatOf(row) : undefined,
  };
}

function chatOf(row: Selectable<SessionRow>): Chat {
  return {
    userId: row.user_id,
    botId: row.bot_id,
    ttlSeconds: row.ttl_seconds ?? 0,
    metadata: row.metadata === null ? undefined : (JSON.parse(row.metadata) as JsonObject),
  };
}

function fromEnumName<E extends number>(names: Record<string, string | E>, name: string): E {
  return names[name.toUpperCase()] as E;
}
