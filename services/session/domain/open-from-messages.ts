import { HandoverReason, Severity } from '../../../gen/autosession/control/v1/control_pb.js';
import { TaskType } from '../../../gen/autosession/task/v1/task_pb.js';
import type {
  AppliedBatch,
  Conversation,
  GeneratedValues,
  MessageBatch,
  MessagePlacement,
} from './conversation-types.ts';
import { createSessionRecord } from './create-session-record.ts';
import { type BatchMessage, evidenceIds, isAfterClose, isAfterStart, isHumanTyped } from './message-recency.ts';
import type { SessionRecord } from './session.ts';
import type { OpenedSession } from './session-events.ts';

/** Decides on a batch without an open session: it opens one, or its messages belong to the last one. */
export function openFromMessages(
  last: SessionRecord | undefined,
  processed: Conversation['processed'],
  batch: MessageBatch,
  generated: GeneratedValues,
): AppliedBatch {
  const isNew = (message: BatchMessage) => !processed.has(message.messageId) && isAfterClose(message, last?.finishedAt);
  const unexplained = batch.messages.filter((message) => !message.explained && !message.notice && isNew(message));
  const opened = unexplained.length > 0 ? openUnattended(unexplained, batch, generated) : undefined;
  const placements = batch.messages.map((message): MessagePlacement => {
    const acted = processed.get(message.messageId);
    if (acted) return { messageId: message.messageId, sessionId: acted, stored: true };
    if (opened && isNew(message))
      return { messageId: message.messageId, sessionId: opened.session.sessionId, stored: true };
    return last && isAfterStart(message, last)
      ? { messageId: message.messageId, sessionId: last.sessionId, stored: true }
      : { messageId: message.messageId, sessionId: '', stored: false };
  });
  if (!opened) return { changes: [], processed: [], operations: [], placements };
  const { session } = opened;
  const own = placements.filter((placement) => placement.sessionId === session.sessionId);
  const proofs = own.map(({ messageId }) => ({ messageId, sessionId: session.sessionId, kind: 'opened' }) as const);
  return { changes: [], opened, processed: proofs, operations: ['created'], placements, session };
}

/** A session that waits for a human; one whose human is typing already is theirs at once. */
function openUnattended(
  unexplained: readonly BatchMessage[],
  batch: MessageBatch,
  generated: GeneratedValues,
): OpenedSession {
  const attended = unexplained.every(isHumanTyped);
  const session = createSessionRecord(
    attended ? 'open_attended' : 'open_human',
    {
      sessionId: generated.sessionId,
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
      maxInactiveMinutes: batch.maxInactiveMinutes ?? generated.defaultMaxInactiveMinutes,
      vip: false,
      escalation: {
        reason: attended ? HandoverReason.HUMAN_INTERVENTION : HandoverReason.MANUAL,
        severity: attended ? Severity.HIGH : Severity.LOW,
        details: '',
        triggerAt: generated.now,
        evidence: attended ? evidenceIds(unexplained) : [],
      },
    },
    generated.now,
  );
  return { session, actor: 'system', unattendedMessage: true };
}
