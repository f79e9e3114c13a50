import { appendMessages } from './append-messages.ts';
import { beginSession } from './begin-session.ts';
import { type Change, decide } from './change.ts';
import type { Opened } from './events.ts';
import { type Holders, mergeUnknown } from './merge.ts';
import type { BatchMessage } from './newer.ts';
import type { Asked } from './requests.ts';
import { type SessionRecord, timeoutAt, UNKNOWN_ACCOUNT } from './session.ts';

/** What is known of a conversation when new messages come. */
export interface Conversation extends Holders {
  /** The newest closed session of the account and the shop. */
  readonly last?: SessionRecord;
  /** The messages of the batch that already opened a session or proved an intervention: message_id → session_id. */
  readonly triggers: ReadonlyMap<string, string>;
}

/** New messages of one conversation, in the batch's order. */
export interface Batch {
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
export interface Fresh extends Asked {
  readonly sessionId: string;
  readonly defaultMaxInactiveMinutes: number;
}

/** Where a message ends. */
export interface Placement {
  readonly messageId: string;
  /** Empty for history from before the session. */
  readonly sessionId: string;
  readonly stored: boolean;
}

export type Operation = 'created' | 'updated' | 'transferred' | 'timed_out' | 'history';

/** A message that acted once and must not act again. */
export interface Trigger {
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
export interface Applied {
  readonly changes: readonly Change[];
  readonly opened?: Opened;
  readonly touch?: Touch;
  readonly triggers: readonly Trigger[];
  readonly operations: readonly Operation[];
  readonly placements: readonly Placement[];
  /** The conversation's open session afterwards. */
  readonly session?: SessionRecord;
}

/** Decides what new messages do to a conversation. Pure; the same messages again lead to nothing new. */
export function applyMessages(conversation: Conversation, batch: Batch, fresh: Fresh): Applied {
  const { changes: merging, session: held } =
    batch.accountKey === UNKNOWN_ACCOUNT
      ? { changes: [], session: conversation.unknown ?? conversation.own }
      : mergeUnknown(conversation, batch, fresh);
  const limitMinutes = batch.maxInactiveMinutes ?? held?.maxInactiveMinutes ?? 0;
  if (held && timeoutAt(held, limitMinutes) > fresh.now) {
    const appended = appendMessages(held, conversation.triggers, batch, fresh);
    return withHistory({ ...appended, changes: [...merging, ...appended.changes] });
  }
  const ended = held ? [decide(held, 'time_out', { limitMinutes }, { ...fresh, actor: 'system' })] : [];
  const last = ended[0]?.after ?? conversation.last;
  const begun = beginSession(last, conversation.triggers, batch, fresh);
  return withHistory({
    ...begun,
    changes: [...merging, ...ended],
    operations: [...ended.map(() => 'timed_out' as const), ...begun.operations],
  });
}

function withHistory(applied: Applied): Applied {
  const history = applied.placements.some((placement) => !placement.stored);
  return history ? { ...applied, operations: [...applied.operations, 'history'] } : applied;
}
