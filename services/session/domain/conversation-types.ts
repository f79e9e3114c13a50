import type { Change } from './apply-command.ts';
import type { CommandContext } from './commands.ts';
import type { OpenSessions } from './merge-sessions.ts';
import type { BatchMessage } from './message-recency.ts';
import type { SessionRecord } from './session.ts';
import type { OpenedSession } from './session-events.ts';

/** What is stored of a conversation when new messages arrive. */
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

/** Values that the caller generates, so that the decision is pure. */
export interface GeneratedValues extends CommandContext {
  readonly sessionId: string;
  readonly defaultMaxInactiveMinutes: number;
}

/** Where a message is stored. */
export interface MessagePlacement {
  readonly messageId: string;
  /** Empty for history from before the session. */
  readonly sessionId: string;
  readonly stored: boolean;
}

export type BatchOperation = 'created' | 'updated' | 'transferred' | 'timed_out' | 'history';

/** A message whose effect must not be repeated. */
export interface ProcessedMessage {
  readonly messageId: string;
  readonly sessionId: string;
  readonly kind: 'opened' | 'intervention';
}

/** A move of `last_activity` or `attendantDueAt`: it has no event and does not raise the version. */
export interface Touch {
  readonly before: SessionRecord;
  readonly after: SessionRecord;
}

/** The decision on a batch. */
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
