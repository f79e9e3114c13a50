/** One account's talk with one shop, over all sessions. */
export interface ConversationRow {
  tenant: string;
  conversation_id: string;
  account_key: string;
  shop_key: string;
  /** As they are to be shown, and as the session service is asked. */
  platform: string;
  account_id: string;
  shop_id: string;
  shop_name: string;
  last_seq: number;
  created_at: string;
  /** The newest session that this service was told of; empty before the first. The other session_ columns are its own. */
  session_id: string;
  session_opened_at: string | null;
  session_version: number;
  session_state: number;
  session_status: number;
  /** The session that it had before its account was found, until that one has followed; empty otherwise. */
  claimed_session_id: string;
}

export interface MessageRow {
  tenant: string;
  conversation_id: string;
  message_id: string;
  seq: number;
  role: number;
  /** 1: judged by what is left over; a matched receipt may make it the account's. */
  unsure: number;
  sender: string;
  content: string;
  content_hash: string;
  type: string;
  sent_at: string | null;
  received_at: string;
  /** sent_at, or its neighbour's, or received_at: what a listing is sorted by. */
  order_at: string;
  /** See Pending: what the batch told of the message's place, kept for whoever settles it. */
  known_received_at: string | null;
  receipt_before: string;
  settled: number;
  verdict: number;
  /** NULL for history from before any session. */
  session_id: string | null;
  /** The task whose receipt it matched, and that one's session. */
  task_id: string | null;
  receipt_session_id: string | null;
}

/** Another content that came under a known message id. */
export interface MessageRevisionRow {
  tenant: string;
  conversation_id: string;
  message_id: string;
  content_hash: string;
  content: string;
  first_seen_at: string;
}

export interface MessageTables {
  conversations: ConversationRow;
  messages: MessageRow;
  message_revisions: MessageRevisionRow;
}
