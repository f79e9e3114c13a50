import { appendMessages } from './append-messages.ts';
import { applyCommand, type Change } from './apply-command.ts';
import type { CommandContext } from './commands.ts';
import { mergeSessions, type OpenSessions } from './merge-sessions.ts';
import type { BatchMessage } from './message-recency.ts';
import { openFromMessages } from './open-from-messages.ts';
import { type SessionRecord, timeoutAt, UNKNOWN_ACCOUNT } from './session.ts';
import type { OpenedSession } from './session-events.ts';

/** What is known of a conversation when new messages come. */
export interface Conversation extends OpenSessions {
  /** The newest closed session of the account and the shop. */
  readonly last?: SessionRecord;
  /** The messages of the batch that already opened a session or proved an intervention: message_id → session_id. */
  readonly processed: ReadonlyMap<string, string>;
}

/** New messages of one conversation, in the batch's order. */
export interface MessageBatch {
  readonly platform: string;
  readonly accountKey: string;
  readonly accountId: string;
  readonly shopKey: string;
  readonly shopId: string;
  readonly shopName: string;
  /** The limit that the request names, if it names one. */
  readonly maxInactiveMinutes?: number;
  readonly messages: readonly BatchMessage[];
}

/** What a new session takes from outside. */
export interface GeneratedValues extends CommandContext {
  readonly sessionId: string;
  readonly defaultMaxInactiveMinutes: number;
}

/** Where a message ends. */
export interface MessagePlacement {
  readonly messageId: string;
  /** Empty for history from before the session. */
  readonly sessionId: string;
  readonly stored: boolean;
}

export type BatchOperation = 'created' | 'updated' | 'transferred' | 'timed_out' | 'history';

/** A message that acted once and must not act again. */
export interface ProcessedMessage {
  readonly messageId: string;
  readonly sessionId: string;
  readonly kind: 'opened' | 'intervention';
}

/** A move of `last_activity` or of the attendant's clock, which is no change of the session. */
export interface Touch {
  readonly before: SessionRecord;
  readonly after: SessionRecord;
}

/** All that a batch does. */
export interface AppliedBatch {
  readonly changes: readonly Change[];
  readonly opened?: OpenedSession;
  readonly touch?: Touch;
  readonly processed: readonly ProcessedMessage[];
  readonly operations: readonly BatchOperation[];
  readonly placements: readonly MessagePlacement[];
  /** The conversation's open session afterwards. */
  readonly session?: SessionRecord;
}

/** Decides what new messages do to a conversation. Pure; the same messages again lead to nothing new. */
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
