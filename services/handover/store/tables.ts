import type { ColumnType, GeneratedAlways, Insertable, Selectable } from 'kysely';

/** One interval in which the bot was not in control. */
export interface HandoverRow {
  tenant: string;
  handover_id: string;
  session_id: string;
  session_name: string;
  owner_epoch: number;
  state: string;
  reason: string;
  severity: string;
  details: string;
  agent_id: string | null;
  agent_name: string | null;
  attendant_external: number;
  created_at: string;
  taken_at: string | null;
  ended_at: string | null;
  end_reason: string;
  version: number;
}

interface ReminderTable {
  tenant: string;
  reminder_id: string;
  session_id: string;
  session_name: string;
  account_id: string;
  shop_name: string;
  kind: string;
  owner_epoch: number;
  /** Minutes since the Unix epoch for new_messages, else 0: a part of the key by which reminders are deduplicated. */
  minute: number;
  /** How far its delivery is; that of an acknowledged one stays pending when not every channel has it. */
  state: string;
  severity: string;
  count: number;
  created_at: string;
  /**
   * When the first delivery started, or it was acknowledged: from then on the count is fixed, because receivers deduplicate by the
   * id, and because no channel would tell of more messages.
   */
  out_at: string | null;
  /** When the last delivery was done: accepted, failed for good or cancelled. */
  settled_at: string | null;
  attempts: number;
  last_error: string;
  acknowledged_at: string | null;
  acknowledged_by: string | null;
  /** `acknowledged`, else `state`. */
  listed_state: GeneratedAlways<string>;
}

export type ReminderRow = Omit<Selectable<ReminderTable>, 'listed_state'>;

/** A reminder on one channel. */
export interface DeliveryRow {
  tenant: string;
  reminder_id: string;
  channel: string;
  /** pending; accepted: the receiver has it, the reminder's state follows; delivered; failed; cancelled: by an acknowledgement. */
  state: string;
  attempts: number;
  /** How many of the attempts the receiver rejected. */
  refusals: number;
  next_try_at: string;
  /** When the delay began; NULL when an earlier release stored it. */
  waits_since: string | null;
  last_error: string;
}

/** When a channel with a rate limit may send its next message. */
export interface ChannelPaceRow {
  channel: string;
  free_at: string;
  /** The same as `waits_since` of a delivery. */
  waits_since: string | null;
}

/** An event whose messages a reminder counts: a repeat of it must not count again. */
export interface CountedEventRow {
  tenant: string;
  event_id: string;
  reminder_id: string;
}

/** One change or decision. Append-only; handovers are derived from the columns from agent_id on. */
interface AuditTable {
  tenant: string;
  audit_id: string;
  /** What it records, once: an event, or a reminder that was acknowledged. */
  source_event_id: string;
  session_id: string;
  actor: string;
  action: string;
  reason: string;
  state_before: string;
  state_after: string;
  /** 0 for the acknowledgement of a reminder, so that no release takes it for a change of the session. */
  owner_epoch: number;
  /** Empty for everything but an operator's decision about a task. */
  task_id: string;
  /** Empty for everything but the acknowledgement of a reminder. */
  reminder_id: string;
  created_at: string;
  agent_id: string | null;
  agent_name: string | null;
  attendant_external: number;
  handover_reason: string;
  severity: string;
  details: string;
  /** `actor`, in an index. */
  actor_key: GeneratedAlways<string>;
  /** Its place in the tenant's chain and its signature; NULL until it is chained, and without a key. */
  chain_seq: ColumnType<number | null, undefined, number>;
  chain_previous: ColumnType<string | null, undefined, string>;
  chain_mac: ColumnType<string | null, undefined, string>;
  chain_key: ColumnType<string | null, undefined, string>;
}

/** The head of a tenant's audit chain, and its anchor: the last entry that retention has removed. */
export interface AuditChainRow {
  tenant: string;
  head_seq: number;
  head_mac: string;
  anchor_seq: number;
  anchor_mac: string;
  /** What signs the row. */
  key_id: string;
  mac: string;
}

export type AuditRow = Selectable<AuditTable>;
export type NewAuditRow = Insertable<AuditTable>;

export interface HandoverTables {
  handovers: HandoverRow;
  reminders: ReminderTable;
  reminder_deliveries: DeliveryRow;
  reminder_counted_events: CountedEventRow;
  channel_paces: ChannelPaceRow;
  audit_entries: AuditTable;
  audit_chains: AuditChainRow;
}
