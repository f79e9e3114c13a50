import { Control, SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import { decide } from './change.ts';
import type { Applied, Batch, Conversation, Fresh, Operation, Placement } from './conversation.ts';
import { ATTENDANT_SILENT_MS, wantsTouch } from './deadlines.ts';
import { type BatchMessage, evidenceOf, isTyped, newerThanReturn, newerThanStart } from './newer.ts';
import type { SessionRecord } from './session.ts';

/** The batch meets an open session. */
export function appendMessages(
  session: SessionRecord,
  triggers: Conversation['triggers'],
  batch: Batch,
  fresh: Fresh,
): Applied {
  const acting: BatchMessage[] = [];
  const placements = batch.messages.map((message): Placement => {
    const acted = triggers.get(message.messageId);
    if (acted) return { messageId: message.messageId, sessionId: acted, stored: true };
    const placement = placeIn(session, message);
    if (placement.stored && !message.notice) acting.push(message);
    return placement;
  });
  const typed = acting.filter(isTyped);
  const answerDueAt = attendantClock(session, acting, fresh.now);
  const operations: Operation[] = acting.length > 0 ? ['updated'] : [];
  if (typed.length > 0 && session.control !== Control.MANUAL_LIVE) {
    const evidence = evidenceOf(typed);
    const change = decide(session, 'attend_externally', { evidence, answerDueAt }, { ...fresh, actor: 'system' });
    const proofs = typed.map(
      ({ messageId }) => ({ messageId, sessionId: session.sessionId, kind: 'intervention' }) as const,
    );
    operations.push('transferred');
    return { changes: [change], triggers: proofs, operations, placements, session: change.after };
  }
  return { ...stir(session, acting, answerDueAt, fresh), triggers: [], operations, placements };
}

/** What messages do to a session that stays with whoever has it. */
function stir(
  session: SessionRecord,
  acting: readonly BatchMessage[],
  attendantDueAt: number | undefined,
  fresh: Fresh,
) {
  const wakes = session.state === SessionState.PENDING || session.state === SessionState.IDLE;
  if (wakes && acting.length > 0) {
    const change = decide(session, 'activate', { reason: 'message_received' }, { ...fresh, actor: 'system' });
    return { changes: [change], session: change.after };
  }
  const moved = session.attendantExternal && attendantDueAt !== session.attendantDueAt;
  if (acting.length === 0 || !(moved || wantsTouch(session, fresh.now))) return { changes: [], session };
  const after = { ...session, lastActivity: fresh.now, ...(moved ? { attendantDueAt } : {}) };
  return { changes: [], touch: { before: session, after }, session: after };
}

/** Where a message ends that meets an open session. */
function placeIn(session: SessionRecord, message: BatchMessage): Placement {
  const { messageId } = message;
  if (!newerThanStart(message, session)) return { messageId, sessionId: '', stored: false };
  const acts = !isTyped(message) || newerThanReturn(message, session);
  return { messageId, sessionId: session.sessionId, stored: acts };
}

/** When the human in the shop's own window counts as silent: the shop's first unanswered message starts the clock. */
function attendantClock(session: SessionRecord, acting: readonly BatchMessage[], now: number): number | undefined {
  let due = session.attendantDueAt;
  for (const message of acting) {
    if (message.side === 'shop') due ??= now + ATTENDANT_SILENT_MS;
    else if (isTyped(message)) due = undefined;
  }
  return due;
}
