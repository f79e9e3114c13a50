import { Control } from '../../../gen/autosession/control/v1/control_pb.js';
import type { Handover } from '../../../gen/autosession/handover/v1/handover_pb.js';
import { currentTenant } from '../../lib/context.ts';
import type { Executor } from '../../lib/db/database.ts';
import { reserve } from '../../lib/db/open-transaction.ts';
import { logChange } from '../../lib/log.ts';
import type { HandoverDeps } from '../deps.ts';
import type { ControlChange } from '../domain/control-change.ts';
import type { Parties } from '../domain/parties.ts';
import { reminderOfChange } from '../domain/reminder.ts';
import { handoverOf, isManual, stretchOf } from '../domain/stretch.ts';
import { auditChange, changesFrom, isAudited } from '../store/audit.ts';
import { epochOfHandoverBefore, saveHandover } from '../store/handovers.ts';
import type { HandoverTables } from '../store/tables.ts';
import { announce } from './announce.ts';
import { committed } from './committed.ts';
import { raise } from './raise.ts';

/** A change of control and the event that told of it. */
export interface RecordedChange {
  readonly eventId: string;
  readonly session: Parties;
  readonly change: ControlChange;
  /** Whether a message that no session explains opened the session. */
  readonly unattendedMessage: boolean;
}

/**
 * Writes a change into the audit and, with it, all that follows: the handover, the reminder and their events. An event that
 * has its audit entry is done. What follows from it follows also when it comes late.
 */
export async function recordChange(deps: HandoverDeps, recorded: RecordedChange): Promise<void> {
  const { eventId, session, change, unattendedMessage } = recorded;
  const write = async (tx: Executor<HandoverTables>, attempt: number) => {
    reserve(`${currentTenant()} ${session.sessionId}`);
    // an event is seldom seen twice, and the entry is unique: who adds it need not look first
    if (attempt > 1 && (await isAudited(tx, eventId))) return undefined;
    const key = { auditId: deps.ids.next('aud'), eventId, sessionId: session.sessionId };
    await auditChange(tx, key, change);
    const saved = isManual(change.before) || isManual(change.after) ? await settle(deps, tx, recorded) : undefined;
    const facts = reminderOfChange(change, unattendedMessage);
    const reminder = facts && (await raise(deps, tx, session, facts));
    const waits = change.after === Control.PENDING_MANUAL && change.before !== change.after;
    await announce(deps, tx, session, { queued: waits ? saved : undefined, reminder });
    return saved;
  };
  const handover = await committed(deps.db, 'handover.record-change', write, 'handovers');
  if (handover) report(deps, handover, change);
}

/** Makes the handover that the change belongs to anew, from all of its changes that are known. */
async function settle(
  { ids }: HandoverDeps,
  tx: Executor<HandoverTables>,
  { session, change }: RecordedChange,
): Promise<Handover | undefined> {
  const from = await epochOfHandoverBefore(tx, session.sessionId, change.epoch);
  const stretch = stretchOf(await changesFrom(tx, session.sessionId, from), change);
  const facts = handoverOf(stretch);
  const last = stretch.at(-1);
  return facts && last && saveHandover(tx, session, facts, last.epoch, () => ids.next('hnd'));
}

function report({ logger }: HandoverDeps, handover: Handover, { action, stateAfter }: ControlChange): void {
  const { sessionId, sessionName } = handover;
  logChange(logger, {
    event: 'handover_changed',
    session_id: sessionId,
    session_name: sessionName,
    reason: action,
    status: stateAfter,
  });
}
