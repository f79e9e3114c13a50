import type { ColumnTypes } from '../../lib/db/migrations/column-types.ts';
import type { Migrations } from '../../lib/db/migrations/migrations.ts';

export const taskDispatchMigrations: Migrations = {
  owner: 'task-dispatch',
  tables: {
    tasks: { removed: 'finished ones, after AUTOSESSION_RETENTION_DAYS' },
    session_fence: { removed: 'those of closed sessions without tasks, after AUTOSESSION_RETENTION_DAYS' },
    receipts: { removed: 'after AUTOSESSION_RETENTION_DAYS' },
  },
  steps: [
    { name: '001_tasks', statements: (c) => [tasks(c), ...taskIndexes] },
    { name: '002_session_fence', statements: (c) => [sessionFence(c), fenceIndex] },
    { name: '003_receipts', statements: (c) => [receipts(c), ...receiptIndexes] },
    { name: '004_folded_hash', statements: (c) => [`ALTER TABLE receipts ADD COLUMN folded_hash ${c.id} NULL`] },
    {
      name: '005_agent_tasks',
      statements: (c) => [
        `ALTER TABLE tasks ADD COLUMN agent_id ${c.key(100)} NOT NULL DEFAULT ''`,
        `ALTER TABLE tasks ADD COLUMN message_id ${c.key(100)} NOT NULL DEFAULT ''`,
        `ALTER TABLE tasks ADD COLUMN message_order ${c.int} NOT NULL DEFAULT 0`,
        `ALTER TABLE tasks ADD COLUMN withdrawn_epoch ${c.int} NOT NULL DEFAULT 0`,
        `ALTER TABLE receipts ADD COLUMN agent_message_id ${c.key(100)} NOT NULL DEFAULT ''`,
        `ALTER TABLE session_fence ADD COLUMN agent_id ${c.key(100)} NOT NULL DEFAULT ''`,
      ],
    },
  ],
};

const tasks = (c: ColumnTypes) => `CREATE TABLE tasks (
  tenant ${c.id} NOT NULL,
  task_id ${c.id} NOT NULL,
  session_id ${c.id} NOT NULL,
  external_task_id ${c.key(100)} NOT NULL,
  task_type ${c.int} NOT NULL,
  level ${c.int} NOT NULL,
  priority ${c.int} NOT NULL,
  queue_rank ${c.int} NOT NULL,
  status ${c.id} NOT NULL,
  send_content ${c.text} NOT NULL,
  content_hash ${c.id} NOT NULL,
  send_url ${c.text} NOT NULL,
  account_id ${c.key(100)} NOT NULL,
  shop_id ${c.key(100)} NOT NULL,
  shop_name ${c.key(100)} NOT NULL,
  platform ${c.key(50)} NOT NULL,
  account_key ${c.id} NOT NULL,
  shop_key ${c.id} NOT NULL,
  owner_epoch ${c.int} NOT NULL,
  vip ${c.bool} NOT NULL,
  attempt ${c.int} NOT NULL,
  max_attempts ${c.int} NOT NULL,
  unsent_proofs ${c.int} NOT NULL,
  lost_leases ${c.int} NOT NULL,
  worker_id ${c.key(100)} NOT NULL,
  active_worker ${c.generated(c.key(100), "CASE WHEN status = 'leased' AND worker_id <> '' THEN worker_id ELSE NULL END")},
  lease_fence ${c.int} NOT NULL,
  lease_token ${c.id} NOT NULL,
  lease_expires_at ${c.time} NULL,
  fetched_fence ${c.int} NOT NULL,
  fetched_token ${c.id} NOT NULL,
  fetched_at ${c.time} NULL,
  failed_fence ${c.int} NOT NULL,
  run_at ${c.time} NOT NULL,
  not_before_at ${c.time} NULL,
  unknown_at ${c.time} NULL,
  reminded_at ${c.time} NULL,
  finished_at ${c.time} NULL,
  error_message ${c.text} NOT NULL,
  matched_message_id ${c.key(100)} NOT NULL,
  created_at ${c.time} NOT NULL,
  updated_at ${c.time} NOT NULL,
  version ${c.int} NOT NULL,
  PRIMARY KEY (tenant, task_id)
) ${c.tableOptions}`;

const taskIndexes = [
  // a claim reads along one of these and never sorts
  'CREATE INDEX tasks_claim ON tasks (tenant, status, queue_rank, run_at, task_id)',
  'CREATE INDEX tasks_claim_account ON tasks (tenant, account_id, status, queue_rank, run_at, task_id)',
  // of two concurrent claims of one worker only one gets a lease
  'CREATE UNIQUE INDEX tasks_worker ON tasks (tenant, active_worker)',
  'CREATE INDEX tasks_session ON tasks (tenant, session_id, created_at, task_id)',
  'CREATE INDEX tasks_parties ON tasks (tenant, account_key, shop_key, status)',
  'CREATE INDEX tasks_recent ON tasks (tenant, created_at, task_id)',
  // for sweeps over all tenants
  'CREATE INDEX tasks_lease ON tasks (status, lease_expires_at)',
  'CREATE INDEX tasks_ready ON tasks (status, run_at, task_id)',
  'CREATE INDEX tasks_finished ON tasks (finished_at)',
];

const sessionFence = (c: ColumnTypes) => `CREATE TABLE session_fence (
  tenant ${c.id} NOT NULL,
  session_id ${c.id} NOT NULL,
  session_name ${c.key(100)} NOT NULL,
  owner_epoch ${c.int} NOT NULL,
  status ${c.id} NOT NULL,
  paused ${c.bool} NOT NULL,
  tasks_from_epoch ${c.int} NOT NULL,
  source_seq ${c.int} NOT NULL,
  open_tasks ${c.int} NOT NULL,
  updated_at ${c.time} NOT NULL,
  PRIMARY KEY (tenant, session_id)
) ${c.tableOptions}`;

const fenceIndex = 'CREATE INDEX session_fence_age ON session_fence (status, updated_at)';

const receipts = (c: ColumnTypes) => `CREATE TABLE receipts (
  tenant ${c.id} NOT NULL,
  task_id ${c.id} NOT NULL,
  fence ${c.int} NOT NULL,
  session_id ${c.id} NOT NULL,
  account_key ${c.id} NOT NULL,
  shop_key ${c.id} NOT NULL,
  content_hash ${c.id} NOT NULL,
  fetched_at ${c.time} NOT NULL,
  lease_expires_at ${c.time} NOT NULL,
  matched_message_id ${c.key(100)} NULL,
  PRIMARY KEY (tenant, task_id, fence)
) ${c.tableOptions}`;

const receiptIndexes = [
  'CREATE INDEX receipts_content ON receipts (tenant, account_key, shop_key, content_hash, fetched_at)',
  // a message matches one receipt
  'CREATE UNIQUE INDEX receipts_message ON receipts (tenant, account_key, shop_key, matched_message_id)',
  'CREATE INDEX receipts_age ON receipts (fetched_at)',
];
