import { Control } from '../../../gen/autosession/control/v1/control_pb.js';
import type { Handover } from '../../../gen/autosession/handover/v1/handover_pb.js';
import type { Executor } from '../../lib/db/sql-backend.ts';
import { lockKey } from '../../lib/db/transaction-context.ts';
import { logStateChange } from '../../lib/observability/logger.ts';
import { currentTenant } from '../../lib/runtime/request-context.ts';
import type { HandoverDeps } from '../deps.ts';
import type { ControlChange } from '../domain/control-change.ts';
import { handoverFromInterval, handoverIntervalOf, isManual } from '../domain/handover-interval.ts';
import { reminderForChange } from '../domain/reminder.ts';
import type { SessionRef } from '../domain/session-ref.ts';
import { auditControlChange, controlChangesFrom, isAudited } from '../store/audit.ts';
import { lastHandoverEpoch, saveHandover } from '../store/handovers.ts';
import { retryTransaction } from '../store/retry-transaction.ts';
import type { HandoverTables } from '../store/tables.ts';
import { createReminder } from './create-reminder.ts';
import { emitHandoverEvents } from './emit-events.ts';

/** A change of control and its event. */
export interface RecordedChange {
  readonly eventId: string;
  readonly session: SessionRef;
  readonly change: ControlChange;
  /** Whether a message outside any session opened the session. */
  readonly unattendedMessage: boolean;
}

/**
 * Writes a change into the audit and, in the same transaction, its handover, reminder and events. An event that has an audit
 * entry was handled before. A late event has the same effects.
 */
export async function recordControlChange(deps: HandoverDeps, recorded: RecordedChange): Promise<void> {
  const { eventId, session, change, unattendedMessage } = recorded;
  const write = async (tx: Executor<HandoverTables>, attempt: number) => {
    lockKey(`${currentTenant()} ${session.sessionId}`);
    // events rarely come twice, and the entry is unique: the first attempt needs no lookup
    if (attempt > 1 && (await isAudited(tx, eventId))) return undefined;
    const key = { auditId: deps.ids.next('aud'), eventId, sessionId: session.sessionId };
    await auditControlChange(tx, key, change);
    const saved =
      isManual(change.before) || isManual(change.after) ? await rebuildHandover(deps, tx, recorded) : undefined;
    const fields = reminderForChange(change, unattendedMessage);
    const reminder = fields && (await createReminder(deps, tx, session, fields));
    const startsWaiting = change.after === Control.PENDING_MANUAL && change.before !== change.after;
    await emitHandoverEvents(deps, tx, session, { queued: startsWaiting ? saved : undefined, reminder });
    return saved;
  };
  const handover = await retryTransaction(deps.db, 'handover.record-change', write, 'handovers');
  if (handover) logHandoverChange(deps, handover, change);
}

/** Rebuilds the handover that the change belongs to from all of its known changes. */
async function rebuildHandover(
  { ids }: HandoverDeps,
  tx: Executor<HandoverTables>,
  { session, change }: RecordedChange,
): Promise<Handover | undefined> {
  const fromEpoch = await lastHandoverEpoch(tx, session.sessionId, change.epoch);
  const interval = handoverIntervalOf(await controlChangesFrom(tx, session.sessionId, fromEpoch), change);
  const fields = handoverFromInterval(interval);
  const last = interval.at(-1);
  return fields && last && saveHandover(tx, session, fields, last.epoch, () => ids.next('hnd'));
}

function logHandoverChange({ logger }: HandoverDeps, handover: Handover, { action, stateAfter }: ControlChange): void {
  const { sessionId, sessionName } = handover;
  logStateChange(logger, {
    event: 'handover_changed',
    session_id: sessionId,
    session_name: sessionName,
    reason: action,
    status: stateAfter,
  });
}
