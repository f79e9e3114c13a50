import type { ColumnTypes } from '../../lib/db/migrations/column-types.ts';
import type { Migrations } from '../../lib/db/migrations/migrations.ts';

/** slotOf() in SQL, for open sessions that have both keys. */
function openSlot(c: ColumnTypes): string {
  const slot = c.dialect === 'mysql' ? "CONCAT(account_key, ':', shop_key)" : "account_key || ':' || shop_key";
  return (
    "CASE WHEN state IN ('pending', 'active', 'idle', 'paused', 'transferred') " +
    `AND account_key <> '' AND shop_key <> '' THEN ${slot} END`
  );
}

/** The columns of chat sessions. MySQL rebuilds the table for a stored column, so all are added by one statement. */
function addChatColumns(c: ColumnTypes): string[] {
  const columns = [
    `kind ${c.id} NOT NULL DEFAULT 'shop'`,
    `user_id ${c.key(100)} NOT NULL DEFAULT ''`,
    `bot_id ${c.key(100)} NOT NULL DEFAULT ''`,
    `ttl_seconds ${c.int} NULL`,
    `metadata ${c.text} NULL`,
    // SQLite cannot add a stored column
    `open_name ${c.key(100)} GENERATED ALWAYS AS (${OPEN_NAME}) ${c.dialect === 'mysql' ? 'STORED' : 'VIRTUAL'}`,
  ].map((column) => `ADD COLUMN ${column}`);
  const statements = c.dialect === 'mysql' ? [columns.join(', ')] : columns;
  return statements.map((added) => `ALTER TABLE sessions ${added}`);
}

const OPEN_NAME =
  "CASE WHEN kind = 'chat' AND state IN ('pending', 'active', 'idle', 'paused', 'transferred') THEN session_name END";

/** The time of a session's escalation; NULL without one. */
function triggerTime(c: ColumnTypes): string {
  return c.dialect === 'mysql'
    ? "TIMESTAMPADD(MICROSECOND, JSON_EXTRACT(escalation, '$.triggerAt') * 1000, TIMESTAMP'1970-01-01 00:00:00')"
    : "strftime('%Y-%m-%d %H:%M:%f', json_extract(escalation, '$.triggerAt') / 1000.0, 'unixepoch')";
}

/** The indexes that few sessions of accounts and shops belong to; statements repeat the condition. MySQL has no partial indexes. */
const partialIndexes = [
  { name: 'sessions_waiting', column: 'waiting_since', condition: 'waiting_since IS NOT NULL' },
  { name: 'sessions_by_agent_id', column: 'agent_id', condition: 'agent_id IS NOT NULL' },
  { name: 'sessions_by_user_id', column: 'user_id', condition: "user_id <> ''" },
  { name: 'sessions_by_vip', column: 'vip', condition: 'vip = 1' },
];

function partialIndex({ name, column, condition }: (typeof partialIndexes)[number]): string[] {
  return [`DROP INDEX ${name}`, `CREATE INDEX ${name} ON sessions (tenant, ${column}, session_id) WHERE ${condition}`];
}

export const sessionMigrations: Migrations = {
  owner: 'session',
  tables: {
    sessions: { removed: 'closed ones, after AUTOSESSION_RETENTION_DAYS' },
    conversation_trigger: { removed: 'with its session' },
    directory_alias: { keptForEver: 'the names of accounts and shops; one set per account and shop' },
    directory_entry: { keptForEver: 'one row per account and shop' },
  },
  steps: [
    {
      name: '001_sessions',
      statements: (c) => [
        `CREATE TABLE sessions (
          tenant ${c.id} NOT NULL,
          session_id ${c.id} NOT NULL,
          session_name ${c.key(100)} NOT NULL,
          state ${c.id} NOT NULL,
          control ${c.id} NOT NULL,
          owner_epoch ${c.int} NOT NULL,
          fenced_epoch ${c.int} NOT NULL,
          tasks_from_epoch ${c.int} NOT NULL,
          version ${c.int} NOT NULL,
          source_seq ${c.int} NOT NULL,
          task_type ${c.id} NOT NULL,
          external_task_id ${c.key(100)} NOT NULL,
          first_task_id ${c.id} NOT NULL,
          create_hash ${c.id} NULL,
          taken_hash ${c.id} NULL,
          platform ${c.key(50)} NOT NULL,
          account_key ${c.id} NOT NULL,
          shop_key ${c.id} NOT NULL,
          account_id ${c.key(100)} NOT NULL,
          shop_id ${c.key(100)} NOT NULL,
          shop_name ${c.key(100)} NOT NULL,
          agent_id ${c.key(100)} NULL,
          agent_name ${c.key(100)} NULL,
          attendant_external ${c.bool} NOT NULL,
          attendant_due_at ${c.time} NULL,
          escalation ${c.text} NULL,
          created_by ${c.id} NOT NULL,
          max_inactive_minutes ${c.int} NOT NULL,
          vip ${c.bool} NOT NULL,
          last_released_by ${c.key(100)} NOT NULL,
          released_version ${c.int} NOT NULL,
          created_at ${c.time} NOT NULL,
          updated_at ${c.time} NOT NULL,
          last_activity ${c.time} NOT NULL,
          finished_at ${c.time} NULL,
          resume_at ${c.time} NULL,
          last_manual_end_at ${c.time} NULL,
          close_reason ${c.key(500)} NOT NULL,
          wake_at ${c.time} NULL,
          open_slot ${c.generated(c.key(130), openSlot(c))},
          PRIMARY KEY (tenant, session_id)
        ) ${c.tableOptions}`,
        'CREATE UNIQUE INDEX sessions_slot ON sessions (tenant, open_slot)',
        'CREATE INDEX sessions_wake ON sessions (wake_at)',
        'CREATE INDEX sessions_created_by_request ON sessions (tenant, create_hash)',
        'CREATE INDEX sessions_taken_by_request ON sessions (tenant, taken_hash)',
        'CREATE INDEX sessions_conversation ON sessions (tenant, account_key, shop_key, created_at)',
        'CREATE INDEX sessions_shop ON sessions (tenant, shop_key, wake_at)',
        'CREATE INDEX sessions_finished ON sessions (finished_at)',
      ],
    },
    {
      name: '002_directory',
      statements: (c) => [
        `CREATE TABLE directory_alias (
          tenant ${c.id} NOT NULL,
          platform ${c.key(50)} NOT NULL,
          side ${c.id} NOT NULL,
          kind ${c.id} NOT NULL,
          value ${c.key(100)} NOT NULL,
          entry_key ${c.id} NOT NULL,
          created_at ${c.time} NOT NULL,
          PRIMARY KEY (tenant, platform, side, kind, value)
        ) ${c.tableOptions}`,
        'CREATE INDEX directory_alias_entry ON directory_alias (tenant, entry_key)',
      ],
    },
    {
      name: '003_conversation_trigger',
      statements: (c) => [
        `CREATE TABLE conversation_trigger (
          tenant ${c.id} NOT NULL,
          account_key ${c.id} NOT NULL,
          shop_key ${c.id} NOT NULL,
          message_id ${c.key(100)} NOT NULL,
          session_id ${c.id} NOT NULL,
          kind ${c.id} NOT NULL,
          PRIMARY KEY (tenant, account_key, shop_key, message_id)
        ) ${c.tableOptions}`,
        'CREATE INDEX conversation_trigger_session ON conversation_trigger (tenant, session_id)',
      ],
    },
    {
      name: '004_directory_entry',
      statements: (c) => [
        `CREATE TABLE directory_entry (
          tenant ${c.id} NOT NULL,
          entry_key ${c.id} NOT NULL,
          name ${c.key(100)} NOT NULL,
          bot_prefix ${c.key(100)} NOT NULL,
          version ${c.int} NOT NULL,
          updated_at ${c.time} NOT NULL,
          PRIMARY KEY (tenant, entry_key)
        ) ${c.tableOptions}`,
        'CREATE INDEX directory_alias_side ON directory_alias (tenant, side, entry_key)',
      ],
    },
    {
      name: '005_chat_sessions',
      statements: (c) => [
        ...addChatColumns(c),
        'CREATE UNIQUE INDEX sessions_open_name ON sessions (tenant, open_name)',
        'CREATE INDEX sessions_name ON sessions (tenant, session_name, created_at)',
      ],
    },
    {
      name: '006_session_lists',
      statements: (c) => [
        `ALTER TABLE sessions ADD COLUMN waiting_since ${c.time} NULL`,
        `UPDATE sessions SET waiting_since = ${triggerTime(c)} WHERE control = 'pending_manual'`,
        'CREATE INDEX sessions_waiting ON sessions (tenant, waiting_since, session_id)',
        ...['state', 'account_id', 'shop_id', 'user_id', 'agent_id', 'vip'].map(
          (column) => `CREATE INDEX sessions_by_${column} ON sessions (tenant, ${column}, session_id)`,
        ),
      ],
    },
    {
      name: '007_partial_list_indexes',
      // a new session is in none of these: SQLite writes a page less for each
      statements: (c) => (c.dialect === 'sqlite' ? partialIndexes.flatMap(partialIndex) : []),
    },
  ],
};
