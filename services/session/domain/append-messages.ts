import { Control, SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import { applyCommand } from './apply-command.ts';
import type {
  AppliedBatch,
  BatchOperation,
  Conversation,
  GeneratedValues,
  MessageBatch,
  MessagePlacement,
} from './conversation-types.ts';
import { type BatchMessage, evidenceIds, isAfterRelease, isAfterStart, isHumanTyped } from './message-recency.ts';
import type { SessionRecord } from './session.ts';
import { ATTENDANT_TIMEOUT_MS, shouldTouch } from './timers.ts';

/** Adds a batch to the open session of its conversation. */
export function appendMessages(
  session: SessionRecord,
  processed: Conversation['processed'],
  batch: MessageBatch,
  generated: GeneratedValues,
): AppliedBatch {
  const acting: BatchMessage[] = [];
  const placements = batch.messages.map((message): MessagePlacement => {
    const acted = processed.get(message.messageId);
    if (acted) return { messageId: message.messageId, sessionId: acted, stored: true };
    const placement = placeIn(session, message);
    if (placement.stored && !message.notice) acting.push(message);
    return placement;
  });
  const typed = acting.filter(isHumanTyped);
  const answerDueAt = nextAttendantDueAt(session, acting, generated.now);
  const operations: BatchOperation[] = acting.length > 0 ? ['updated'] : [];
  if (typed.length > 0 && session.control !== Control.MANUAL_LIVE) {
    const evidence = evidenceIds(typed);
    const change = applyCommand(
      session,
      'attend_externally',
      { evidence, answerDueAt },
      { ...generated, actor: 'system' },
    );
    const proofs = typed.map(
      ({ messageId }) => ({ messageId, sessionId: session.sessionId, kind: 'intervention' }) as const,
    );
    operations.push('transferred');
    return { changes: [change], processed: proofs, operations, placements, session: change.after };
  }
  return { ...touchOrActivate(session, acting, answerDueAt, generated), processed: [], operations, placements };
}

/** What messages change in a session whose control stays. */
function touchOrActivate(
  session: SessionRecord,
  acting: readonly BatchMessage[],
  attendantDueAt: number | undefined,
  generated: GeneratedValues,
) {
  const wakes = session.state === SessionState.PENDING || session.state === SessionState.IDLE;
  if (wakes && acting.length > 0) {
    const change = applyCommand(session, 'activate', { reason: 'message_received' }, { ...generated, actor: 'system' });
    return { changes: [change], session: change.after };
  }
  const moved = session.attendantExternal && attendantDueAt !== session.attendantDueAt;
  if (acting.length === 0 || !(moved || shouldTouch(session, generated.now))) return { changes: [], session };
  const after = { ...session, lastActivity: generated.now, ...(moved ? { attendantDueAt } : {}) };
  return { changes: [], touch: { before: session, after }, session: after };
}

/** Where a message is stored when its conversation has an open session. */
function placeIn(session: SessionRecord, message: BatchMessage): MessagePlacement {
  const { messageId } = message;
  if (!isAfterStart(message, session)) return { messageId, sessionId: '', stored: false };
  const acts = !isHumanTyped(message) || isAfterRelease(message, session);
  return { messageId, sessionId: session.sessionId, stored: acts };
}

/** When the human in the shop's own window counts as silent: some time after the shop's first unanswered message. */
function nextAttendantDueAt(session: SessionRecord, acting: readonly BatchMessage[], now: number): number | undefined {
  let due = session.attendantDueAt;
  for (const message of acting) {
    if (message.side === 'shop') due ??= now + ATTENDANT_TIMEOUT_MS;
    else if (isHumanTyped(message)) due = undefined;
  }
  return due;
}
