import type { Row } from '../../lib/db/row-mapping.ts';
import type { ChatSession } from '../domain/chat-session.ts';
import type { OutgoingMessage } from '../domain/outgoing-message.ts';
import type { ChatTurn } from '../domain/turn.ts';

/** The conversation of one account with one shop, over all sessions. */
export interface ConversationRow {
  tenant: string;
  conversation_id: string;
  account_key: string;
  shop_key: string;
  /** Display values, also used in requests to the session service. */
  platform: string;
  account_id: string;
  shop_id: string;
  shop_name: string;
  last_seq: number;
  created_at: string;
  /** The newest session that this service knows of; empty before the first. The other session_ columns describe it. */
  session_id: string;
  session_opened_at: string | null;
  session_version: number;
  session_state: number;
  session_status: number;
  /** The session that it had before its account was known, until that session is moved to the account; else empty. */
  claimed_session_id: string;
}

export interface MessageRow {
  tenant: string;
  conversation_id: string;
  message_id: string;
  seq: number;
  role: number;
  /** 1: the role is a guess; a matched receipt may make it the account's. */
  unsure: number;
  sender: string;
  content: string;
  content_hash: string;
  type: string;
  sent_at: string | null;
  received_at: string;
  /** sent_at, or its neighbour's, or received_at: the sort key of lists. */
  order_at: string;
  /** See PendingMessage: the message's position in its batch, kept for its evaluation. */
  known_received_at: string | null;
  receipt_before: string;
  settled: number;
  verdict: number;
  /** NULL for history, and for the echo of an agent's message: they are shown in no session. */
  session_id: string | null;
  /** The task that sends it, or whose receipt it matched; receipt_session_id is the session of the latter. */
  task_id: string | null;
  receipt_session_id: string | null;
  /** The agent who wrote it; else empty. */
  agent_id: string;
  /** For a bot's answer in a chat: the number of the last user message that it answers; else 0. */
  answers_seq: number;
  /** 1: a change of control interrupted this answer; `content` is what was handed out. */
  interrupted: number;
  /** How far an agent's message to a shop has come (MessageDelivery), and the event of its task that says so; else 0. */
  delivery: number;
  delivery_seq: number;
}

/** An agent's message to a shop whose task is not known to be stored. */
export type OutgoingMessageRow = Row<OutgoingMessage>;

/** Another content that came under a known message id. */
export interface MessageRevisionRow {
  tenant: string;
  conversation_id: string;
  message_id: string;
  content_hash: string;
  content: string;
  first_seen_at: string;
}

/** A chat session as message-analysis knows it; see ChatSession. */
export type ChatSessionRow = Row<ChatSession>;

/** The newest turn of a chat session; see Turn. */
export type TurnRow = Row<ChatTurn>;
/** Which version of a rule set is in effect. */
export interface RuleSetRow {
  tenant: string;
  kind: string;
  version: number;
  /** Another one at every change: a version number that was lost with the database is used again. */
  put_id: string;
}

export interface RuleSetVersionRow {
  tenant: string;
  kind: string;
  version: number;
  /** The rule set as JSON. */
  document: string;
  created_by: string;
  note: string;
  created_at: string;
}

export interface MessageTables {
  chat_sessions: ChatSessionRow;
  chat_turns: TurnRow;
  conversations: ConversationRow;
  messages: MessageRow;
  message_revisions: MessageRevisionRow;
  outgoing_messages: OutgoingMessageRow;
  rule_set: RuleSetRow;
  rule_set_version: RuleSetVersionRow;
}
