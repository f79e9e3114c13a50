import type { Generated, GeneratedAlways } from 'kysely';

/** States are stored as lower-case names, times as UTC texts. */
export interface SessionRow {
  tenant: string;
  session_id: string;
  session_name: string;
  state: string;
  control: string;
  owner_epoch: number;
  fenced_epoch: number;
  tasks_from_epoch: number;
  version: number;
  source_seq: number;
  task_type: string;
  external_task_id: string;
  first_task_id: string;
  /** NULL when a repeat of its create request opens a new session. */
  create_hash: string | null;
  taken_hash: string | null;
  platform: string;
  /** Empty, as shop_key, for a session that holds no slot. */
  account_key: string;
  shop_key: string;
  account_id: string;
  shop_id: string;
  shop_name: string;
  agent_id: string | null;
  agent_name: string | null;
  attendant_external: number;
  attendant_due_at: string | null;
  /** JSON of the last escalation; NULL if there was none. */
  escalation: string | null;
  created_by: string;
  max_inactive_minutes: number;
  vip: number;
  last_released_by: string;
  released_version: number;
  created_at: string;
  updated_at: string;
  last_activity: string;
  finished_at: string | null;
  resume_at: string | null;
  last_manual_end_at: string | null;
  close_reason: string;
  /** When it is due next; NULL once it is closed. */
  wake_at: string | null;
  /** The slot that it holds; NULL once it is closed. Unique per tenant. */
  open_slot: GeneratedAlways<string | null>;
  /** `shop` or `chat`. */
  kind: Generated<string>;
  user_id: Generated<string>;
  bot_id: Generated<string>;
  /** NULL for a session of an account and a shop, as metadata. */
  ttl_seconds: number | null;
  /** JSON. */
  metadata: string | null;
  /** The name of a chat session that is open; NULL once it is closed. Unique per tenant. */
  open_name: GeneratedAlways<string | null>;
  /** Since when it waits for a human; NULL when it does not. */
  waiting_since: string | null;
}

export interface DirectoryAliasRow {
  tenant: string;
  platform: string;
  side: string;
  kind: string;
  value: string;
  entry_key: string;
  created_at: string;
}

/** What clients have set for an account or a shop; most have no such row. */
export interface DirectoryEntryRow {
  tenant: string;
  entry_key: string;
  name: string;
  bot_prefix: string;
  version: number;
  updated_at: string;
}

export interface ConversationTriggerRow {
  tenant: string;
  account_key: string;
  shop_key: string;
  message_id: string;
  session_id: string;
  kind: string;
}

export interface SessionTables {
  sessions: SessionRow;
  directory_alias: DirectoryAliasRow;
  directory_entry: DirectoryEntryRow;
  conversation_trigger: ConversationTriggerRow;
}

/** The slot that an open session of (account, shop) holds. */
export function slotOf(accountKey: string, shopKey: string): string {
  return `${accountKey}:${shopKey}`;
}
