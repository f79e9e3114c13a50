import type { Migrations } from '../../lib/db/migrations/migrations.ts';

const LISTED_STATE = "CASE WHEN acknowledged_at IS NOT NULL THEN 'acknowledged' ELSE state END";

/** The service's tables; tables.ts describes the columns. */
export const handoverMigrations: Migrations = {
  owner: 'handover',
  tables: {
    handovers: { removed: 'ended ones, after AUTOSESSION_RETENTION_DAYS' },
    audit_entries: {
      keptForEver: 'changes of control must be provable years later; AUTOSESSION_AUDIT_RETENTION_DAYS shortens it',
    },
    audit_chains: { keptForEver: 'one row per tenant' },
    reminders: { removed: 'settled ones, after AUTOSESSION_RETENTION_DAYS' },
    reminder_deliveries: { removed: 'with its reminder' },
    reminder_counted_events: { removed: 'with its reminder' },
    channel_paces: { keptForEver: 'one row per channel' },
  },
  steps: [
    {
      name: '001_handovers',
      statements: (c) => [
        `CREATE TABLE handovers (
          tenant ${c.id} NOT NULL,
          handover_id ${c.id} NOT NULL,
          session_id ${c.id} NOT NULL,
          session_name ${c.key(100)} NOT NULL,
          owner_epoch ${c.int} NOT NULL,
          state ${c.id} NOT NULL,
          reason ${c.id} NOT NULL,
          severity ${c.id} NOT NULL,
          details ${c.text} NOT NULL,
          agent_id ${c.key(100)} NULL,
          agent_name ${c.text} NULL,
          attendant_external ${c.bool} NOT NULL,
          created_at ${c.time} NOT NULL,
          taken_at ${c.time} NULL,
          ended_at ${c.time} NULL,
          end_reason ${c.text} NOT NULL,
          version ${c.int} NOT NULL,
          PRIMARY KEY (tenant, handover_id)
        ) ${c.tableOptions}`,
        'CREATE UNIQUE INDEX handovers_epoch ON handovers (tenant, session_id, owner_epoch)',
        'CREATE INDEX handovers_age ON handovers (tenant, created_at, handover_id)',
        'CREATE INDEX handovers_session ON handovers (tenant, session_id, created_at, handover_id)',
        'CREATE INDEX handovers_state ON handovers (tenant, state, created_at, handover_id)',
        'CREATE INDEX handovers_ended ON handovers (ended_at)',
      ],
    },
    {
      name: '002_audit_entries',
      statements: (c) => [
        `CREATE TABLE audit_entries (
          tenant ${c.id} NOT NULL,
          audit_id ${c.id} NOT NULL,
          source_event_id ${c.id} NOT NULL,
          session_id ${c.id} NOT NULL,
          actor ${c.text} NOT NULL,
          action ${c.id} NOT NULL,
          reason ${c.text} NOT NULL,
          state_before ${c.id} NOT NULL,
          state_after ${c.id} NOT NULL,
          owner_epoch ${c.int} NOT NULL,
          task_id ${c.id} NOT NULL,
          created_at ${c.time} NOT NULL,
          agent_id ${c.key(100)} NULL,
          agent_name ${c.text} NULL,
          attendant_external ${c.bool} NOT NULL,
          handover_reason ${c.id} NOT NULL,
          severity ${c.id} NOT NULL,
          details ${c.text} NOT NULL,
          PRIMARY KEY (tenant, audit_id)
        ) ${c.tableOptions}`,
        'CREATE UNIQUE INDEX audit_entries_event ON audit_entries (tenant, source_event_id)',
        'CREATE INDEX audit_entries_epoch ON audit_entries (tenant, session_id, owner_epoch)',
        'CREATE INDEX audit_entries_session ON audit_entries (tenant, session_id, created_at, audit_id)',
        'CREATE INDEX audit_entries_age ON audit_entries (tenant, created_at, audit_id)',
      ],
    },
    {
      name: '003_reminders',
      statements: (c) => [
        `CREATE TABLE reminders (
          tenant ${c.id} NOT NULL,
          reminder_id ${c.id} NOT NULL,
          session_id ${c.id} NOT NULL,
          session_name ${c.key(100)} NOT NULL,
          account_id ${c.text} NOT NULL,
          shop_name ${c.text} NOT NULL,
          kind ${c.id} NOT NULL,
          owner_epoch ${c.int} NOT NULL,
          minute ${c.int} NOT NULL,
          state ${c.id} NOT NULL,
          severity ${c.id} NOT NULL,
          count ${c.int} NOT NULL,
          created_at ${c.time} NOT NULL,
          out_at ${c.time} NULL,
          settled_at ${c.time} NULL,
          attempts ${c.int} NOT NULL,
          last_error ${c.text} NOT NULL,
          PRIMARY KEY (tenant, reminder_id)
        ) ${c.tableOptions}`,
        'CREATE UNIQUE INDEX reminders_name ON reminders (tenant, session_id, kind, owner_epoch, minute)',
        'CREATE INDEX reminders_minute ON reminders (tenant, session_id, kind, minute)',
        'CREATE INDEX reminders_age ON reminders (tenant, created_at, reminder_id)',
        'CREATE INDEX reminders_session ON reminders (tenant, session_id, created_at, reminder_id)',
        'CREATE INDEX reminders_state ON reminders (tenant, state, created_at, reminder_id)',
        'CREATE INDEX reminders_settled ON reminders (settled_at)',
        `CREATE TABLE reminder_deliveries (
          tenant ${c.id} NOT NULL,
          reminder_id ${c.id} NOT NULL,
          channel ${c.key(300)} NOT NULL,
          state ${c.id} NOT NULL,
          attempts ${c.int} NOT NULL,
          refusals ${c.int} NOT NULL,
          next_try_at ${c.time} NOT NULL,
          last_error ${c.text} NOT NULL,
          PRIMARY KEY (tenant, reminder_id, channel)
        ) ${c.tableOptions}`,
        'CREATE INDEX reminder_deliveries_due ON reminder_deliveries (channel, state, next_try_at)',
        `CREATE TABLE reminder_counted_events (
          tenant ${c.id} NOT NULL,
          event_id ${c.id} NOT NULL,
          reminder_id ${c.id} NOT NULL,
          PRIMARY KEY (tenant, event_id)
        ) ${c.tableOptions}`,
        'CREATE INDEX reminder_counted_events_reminder ON reminder_counted_events (tenant, reminder_id)',
      ],
    },
    {
      name: '004_channel_paces',
      statements: (c) => [
        `CREATE TABLE channel_paces (
          channel ${c.key(300)} NOT NULL,
          free_at ${c.time} NOT NULL,
          PRIMARY KEY (channel)
        ) ${c.tableOptions}`,
      ],
    },
    {
      // distinguishes a wait from a clock that was set back
      name: '005_waits_since',
      statements: (c) => [
        `ALTER TABLE reminder_deliveries ADD COLUMN waits_since ${c.time} NULL`,
        `ALTER TABLE channel_paces ADD COLUMN waits_since ${c.time} NULL`,
      ],
    },
    {
      // the columns that the database computes are for indexes: rows of earlier releases have them too
      name: '006_lists',
      statements: (c) => [
        'CREATE INDEX handovers_agent ON handovers (tenant, agent_id, created_at, handover_id)',
        `ALTER TABLE reminders ADD COLUMN acknowledged_at ${c.time} NULL`,
        `ALTER TABLE reminders ADD COLUMN acknowledged_by ${c.key(100)} NULL`,
        `ALTER TABLE reminders ADD COLUMN listed_state ${c.id} GENERATED ALWAYS AS (${LISTED_STATE}) VIRTUAL`,
        'CREATE INDEX reminders_listed_state ON reminders (tenant, listed_state, created_at, reminder_id)',
        `ALTER TABLE audit_entries ADD COLUMN reminder_id ${c.id} NOT NULL DEFAULT ''`,
        `ALTER TABLE audit_entries ADD COLUMN actor_key ${c.key(100)} GENERATED ALWAYS AS (SUBSTR(actor, 1, 100)) VIRTUAL`,
        'CREATE INDEX audit_entries_actor ON audit_entries (tenant, actor_key, created_at, audit_id)',
      ],
    },
    {
      name: '007_audit_chain',
      statements: (c) => [
        `ALTER TABLE audit_entries ADD COLUMN chain_seq ${c.bigint} NULL`,
        `ALTER TABLE audit_entries ADD COLUMN chain_previous ${c.id} NULL`,
        `ALTER TABLE audit_entries ADD COLUMN chain_mac ${c.id} NULL`,
        `ALTER TABLE audit_entries ADD COLUMN chain_key ${c.id} NULL`,
        'CREATE UNIQUE INDEX audit_entries_chain ON audit_entries (tenant, chain_seq)',
        'CREATE INDEX audit_entries_unchained ON audit_entries (chain_seq, tenant, audit_id)',
        `CREATE TABLE audit_chains (
          tenant ${c.id} NOT NULL,
          head_seq ${c.bigint} NOT NULL,
          head_mac ${c.id} NOT NULL,
          anchor_seq ${c.bigint} NOT NULL,
          anchor_mac ${c.id} NOT NULL,
          key_id ${c.id} NOT NULL,
          mac ${c.id} NOT NULL,
          PRIMARY KEY (tenant)
        ) ${c.tableOptions}`,
      ],
    },
  ],
};
