import { HandoverReason, Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import { TaskType } from '../../../gen/autosession/task/v1/task_pb.js';
import type { Applied, Batch, Conversation, Fresh, Placement } from './conversation.ts';
import type { Opened } from './events.ts';
import { type BatchMessage, evidenceOf, isTyped, newerThanClose, newerThanStart } from './newer.ts';
import { openSession } from './open.ts';
import type { SessionRecord } from './session.ts';

/** The batch meets no open session: it opens one, or joins the last one. */
export function beginSession(
  last: SessionRecord | undefined,
  triggers: Conversation['triggers'],
  batch: Batch,
  fresh: Fresh,
): Applied {
  const isNew = (message: BatchMessage) =>
    !triggers.has(message.messageId) && newerThanClose(message, last?.finishedAt);
  const unexplained = batch.messages.filter((message) => !message.explained && !message.notice && isNew(message));
  const opened = unexplained.length > 0 ? openFor(unexplained, batch, fresh) : undefined;
  const placements = batch.messages.map((message): Placement => {
    const acted = triggers.get(message.messageId);
    if (acted) return { messageId: message.messageId, sessionId: acted, stored: true };
    if (opened && isNew(message))
      return { messageId: message.messageId, sessionId: opened.session.sessionId, stored: true };
    return last && newerThanStart(message, last)
      ? { messageId: message.messageId, sessionId: last.sessionId, stored: true }
      : { messageId: message.messageId, sessionId: '', stored: false };
  });
  if (!opened) return { changes: [], triggers: [], operations: [], placements };
  const { session } = opened;
  const own = placements.filter((placement) => placement.sessionId === session.sessionId);
  const proofs = own.map(({ messageId }) => ({ messageId, sessionId: session.sessionId, kind: 'opened' }) as const);
  return { changes: [], opened, triggers: proofs, operations: ['created'], placements, session };
}

/** A human session for messages that nobody has seen yet; a human who is typing already has it. */
function openFor(unexplained: readonly BatchMessage[], batch: Batch, fresh: Fresh): Opened {
  const attended = unexplained.every(isTyped);
  const session = openSession(
    attended ? 'open_attended' : 'open_human',
    {
      sessionId: fresh.sessionId,
      taskType: TaskType.MANUAL_CUSTOMER_SERVICE,
      externalTaskId: '',
      firstTaskId: '',
      createHash: '',
      platform: batch.platform,
      accountKey: batch.accountKey,
      shopKey: batch.shopKey,
      accountId: batch.accountId,
      shopId: batch.shopId,
      shopName: batch.shopName,
      maxInactiveMinutes: batch.maxInactiveMinutes ?? fresh.defaultMaxInactiveMinutes,
      vip: false,
      escalation: {
        reason: attended ? HandoverReason.HUMAN_INTERVENTION : HandoverReason.MANUAL,
        severity: attended ? Severity.HIGH : Severity.LOW,
        details: '',
        triggerAt: fresh.now,
        evidence: attended ? evidenceOf(unexplained) : [],
      },
    },
    fresh.now,
  );
  return { session, actor: 'system', unattendedMessage: true };
}
