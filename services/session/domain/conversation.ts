import { appendMessages } from './append-messages.ts';
import { applyCommand } from './apply-command.ts';
import type { AppliedBatch, Conversation, GeneratedValues, MessageBatch } from './conversation-types.ts';
import { mergeSessions } from './merge-sessions.ts';
import { openFromMessages } from './open-from-messages.ts';
import { timeoutAt, UNKNOWN_ACCOUNT } from './session.ts';

/** Decides what new messages do to a conversation. Pure. The same messages again change nothing. */
export function decideMessages(
  conversation: Conversation,
  batch: MessageBatch,
  generated: GeneratedValues,
): AppliedBatch {
  const { changes: mergeChanges, session: held } =
    batch.accountKey === UNKNOWN_ACCOUNT
      ? { changes: [], session: conversation.unknown ?? conversation.own }
      : mergeSessions(conversation, batch, generated);
  const limitMinutes = batch.maxInactiveMinutes ?? held?.maxInactiveMinutes ?? 0;
  if (held && timeoutAt(held, limitMinutes) > generated.now) {
    const appended = appendMessages(held, conversation.processed, batch, generated);
    return withHistory({ ...appended, changes: [...mergeChanges, ...appended.changes] });
  }
  const ended = held ? [applyCommand(held, 'time_out', { limitMinutes }, { ...generated, actor: 'system' })] : [];
  const last = ended[0]?.after ?? conversation.last;
  const begun = openFromMessages(last, conversation.processed, batch, generated);
  return withHistory({
    ...begun,
    changes: [...mergeChanges, ...ended],
    operations: [...ended.map(() => 'timed_out' as const), ...begun.operations],
  });
}

function withHistory(applied: AppliedBatch): AppliedBatch {
  const history = applied.placements.some((placement) => !placement.stored);
  return history ? { ...applied, operations: [...applied.operations, 'history'] } : applied;
}
