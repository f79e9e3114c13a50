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

export interface ReminderRow {
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
  state: string;
  severity: string;
  count: number;
  created_at: string;
  /** When the first delivery started: from then on the count is fixed, because receivers deduplicate by the id. */
  out_at: string | null;
  /** When it was delivered on every channel, or failed for good. */
  settled_at: string | null;
  attempts: number;
  last_error: string;
}

/** A reminder on one channel. */
export interface DeliveryRow {
  tenant: string;
  reminder_id: string;
  channel: string;
  /** pending; accepted: the receiver has it, the reminder's state follows; delivered; failed. */
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
export interface AuditRow {
  tenant: string;
  audit_id: string;
  source_event_id: string;
  session_id: string;
  actor: string;
  action: string;
  reason: string;
  state_before: string;
  state_after: string;
  owner_epoch: number;
  /** Empty for a change of the session. */
  task_id: string;
  created_at: string;
  agent_id: string | null;
  agent_name: string | null;
  attendant_external: number;
  handover_reason: string;
  severity: string;
  details: string;
}

export interface HandoverTables {
  handovers: HandoverRow;
  reminders: ReminderRow;
  reminder_deliveries: DeliveryRow;
  reminder_counted_events: CountedEventRow;
  channel_paces: ChannelPaceRow;
  audit_entries: AuditRow;
}
