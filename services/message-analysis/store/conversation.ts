import type { Control, SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import type { Session } from '../../../gen/autosession/session/v1/session_pb.js';
import { parseSqlTimeOrUndefined } from '../../lib/db/sql-time.ts';
import type { ConversationRow } from './tables.ts';

/** The account key of conversations whose account is not known. */
export const UNKNOWN_ACCOUNT_KEY = 'unknown';

/** The two sides of a conversation: their keys and display values. */
export interface ConversationParties {
  readonly platform: string;
  readonly accountKey: string;
  readonly accountId: string;
  readonly shopKey: string;
  readonly shopId: string;
  readonly shopName: string;
}

/** The newest session that this service knows of. */
export interface KnownSession {
  readonly sessionId: string;
  readonly openedAt: number;
  readonly version: number;
  readonly state: SessionState;
  readonly status: Control;
}

/** A conversation as it is stored. */
export interface StoredConversation extends ConversationParties {
  readonly conversationId: string;
  readonly session?: KnownSession;
  /** The session that has yet to be moved to the conversation's account; empty for none. */
  readonly claimedSessionId: string;
}

type SessionColumns = Pick<
  ConversationRow,
  'session_id' | 'session_opened_at' | 'session_version' | 'session_state' | 'session_status'
>;

/** The conversation's session columns as a value; undefined before the first session. */
export function knownSessionOfRow(row: SessionColumns): KnownSession | undefined {
  const openedAt = parseSqlTimeOrUndefined(row.session_opened_at);
  if (openedAt === undefined) return undefined;
  const { session_id: sessionId, session_version: version } = row;
  return { sessionId, openedAt, version, state: row.session_state, status: row.session_status };
}

/** A row of conversations as a value. */
export function toStoredConversation(row: ConversationRow): StoredConversation {
  return {
    conversationId: row.conversation_id,
    platform: row.platform,
    accountKey: row.account_key,
    accountId: row.account_id,
    shopKey: row.shop_key,
    shopId: row.shop_id,
    shopName: row.shop_name,
    session: knownSessionOfRow(row),
    claimedSessionId: row.claimed_session_id,
  };
}

/** The part of a session that is stored on its conversation. */
export function toKnownSession(session: Session): KnownSession {
  const { sessionId, version, state, status, createdAt } = session;
  const openedAt = createdAt ? Number(createdAt.seconds) * 1_000 + Math.floor(createdAt.nanos / 1e6) : 0;
  return { sessionId, openedAt, version, state, status };
}

/**
 * Whether `next` is at least as new as `current`: a session opened later, or the same one not older. Session
 * updates come by RPC responses and by events, in any order and more than once.
 */
export function supersedes(next: KnownSession, current: KnownSession | undefined): boolean {
  if (!current) return true;
  if (next.sessionId === current.sessionId) return next.version >= current.version;
  if (next.openedAt !== current.openedAt) return next.openedAt > current.openedAt;
  return next.sessionId > current.sessionId;
}
