import type { Migrations } from '../../lib/db/migrations/migrations.ts';

export const messageMigrations: Migrations = {
  owner: 'message-analysis',
  tables: {
    conversations: { keptForEver: 'one row per account and shop: it continues their numbering' },
    messages: { removed: 'settled ones, after AUTOSESSION_RETENTION_DAYS' },
    message_revisions: { removed: 'with its message' },
    rule_set: { keptForEver: 'one row per tenant and kind of session' },
    rule_set_version: { removed: 'all but the last 100 of a rule set, when a version is stored' },
  },
  steps: [
    {
      name: '001_messages',
      statements: (c) => [
        `CREATE TABLE conversations (
          tenant ${c.id} NOT NULL,
          conversation_id ${c.id} NOT NULL,
          account_key ${c.id} NOT NULL,
          shop_key ${c.id} NOT NULL,
          platform ${c.key(50)} NOT NULL,
          account_id ${c.key(100)} NOT NULL,
          shop_id ${c.key(100)} NOT NULL,
          shop_name ${c.key(100)} NOT NULL,
          last_seq ${c.int} NOT NULL,
          created_at ${c.time} NOT NULL,
          session_id ${c.id} NOT NULL,
          session_opened_at ${c.time} NULL,
          session_version ${c.int} NOT NULL,
          session_state ${c.int} NOT NULL,
          session_status ${c.int} NOT NULL,
          PRIMARY KEY (tenant, conversation_id)
        ) ${c.tableOptions}`,
        'CREATE UNIQUE INDEX conversations_parties ON conversations (tenant, shop_key, account_key)',
        `CREATE TABLE messages (
          tenant ${c.id} NOT NULL,
          conversation_id ${c.id} NOT NULL,
          message_id ${c.key(100)} NOT NULL,
          seq ${c.int} NOT NULL,
          role ${c.int} NOT NULL,
          unsure ${c.bool} NOT NULL,
          sender ${c.key(100)} NOT NULL,
          content ${c.text} NOT NULL,
          content_hash ${c.id} NOT NULL,
          type ${c.key(50)} NOT NULL,
          sent_at ${c.time} NULL,
          received_at ${c.time} NOT NULL,
          order_at ${c.time} NOT NULL,
          known_received_at ${c.time} NULL,
          receipt_before ${c.id} NOT NULL,
          settled ${c.bool} NOT NULL,
          verdict ${c.int} NOT NULL,
          session_id ${c.id} NULL,
          task_id ${c.id} NULL,
          receipt_session_id ${c.id} NULL,
          PRIMARY KEY (tenant, conversation_id, message_id)
        ) ${c.tableOptions}`,
        'CREATE UNIQUE INDEX messages_seq ON messages (tenant, conversation_id, seq)',
        'CREATE INDEX messages_session ON messages (tenant, session_id, order_at, seq)',
        'CREATE INDEX messages_settled ON messages (settled, received_at)',
        `CREATE TABLE message_revisions (
          tenant ${c.id} NOT NULL,
          conversation_id ${c.id} NOT NULL,
          message_id ${c.key(100)} NOT NULL,
          content_hash ${c.id} NOT NULL,
          content ${c.text} NOT NULL,
          first_seen_at ${c.time} NOT NULL,
          PRIMARY KEY (tenant, conversation_id, message_id, content_hash)
        ) ${c.tableOptions}`,
      ],
    },
    {
      name: '002_claimed_session',
      statements: (c) => [`ALTER TABLE conversations ADD COLUMN claimed_session_id ${c.id} NOT NULL DEFAULT ''`],
    },
    {
      name: '003_rules',
      statements: (c) => [
        `CREATE TABLE rule_set (
          tenant ${c.id} NOT NULL,
          kind ${c.id} NOT NULL,
          version ${c.int} NOT NULL,
          put_id ${c.id} NOT NULL,
          PRIMARY KEY (tenant, kind)
        ) ${c.tableOptions}`,
        `CREATE TABLE rule_set_version (
          tenant ${c.id} NOT NULL,
          kind ${c.id} NOT NULL,
          version ${c.int} NOT NULL,
          document ${c.text} NOT NULL,
          created_by ${c.key(100)} NOT NULL,
          note ${c.key(200)} NOT NULL,
          created_at ${c.time} NOT NULL,
          PRIMARY KEY (tenant, kind, version)
        ) ${c.tableOptions}`,
      ],
    },
  ],
};
