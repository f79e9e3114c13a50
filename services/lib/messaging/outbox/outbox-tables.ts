import type { Migrations } from '../../db/migrations/migrations.ts';
import { EVENT_RETENTION_HOURS, SEQUENCE_RETENTION_HOURS } from './event-retention.ts';

export interface OutboxRow {
  position: number;
  event_id: string;
  tenant: string;
  source: string;
  session_id: string;
  source_seq: number;
  type: string;
  payload: Uint8Array;
  created_at: string;
  /** NULL until the log has it. */
  published_at: string | null;
  attempts: number;
  /** Set while the record is parked: the relay tries it, and what is behind it in its session, again after this time. */
  retry_at: string | null;
  last_error: string | null;
  /** The order at the first publication: see lineage.ts. It stays when a new generation of the log is filled again. */
  log_order: number | null;
}

export interface OutboxTables {
  outbox: OutboxRow;
  event_sequence: { tenant: string; source: string; session_id: string; last_seq: number; updated_at: string };
}

export const outboxMigrations: Migrations = {
  owner: 'outbox',
  tables: {
    outbox: { column: 'published_at', hours: EVENT_RETENTION_HOURS },
    event_sequence: { column: 'updated_at', hours: SEQUENCE_RETENTION_HOURS },
  },
  steps: [
    {
      name: '001_outbox',
      statements: (c) => [
        `CREATE TABLE outbox (
          position ${c.autoIncrementKey},
          event_id ${c.id} NOT NULL,
          tenant ${c.id} NOT NULL,
          source ${c.id} NOT NULL,
          session_id ${c.id} NOT NULL,
          source_seq ${c.int} NOT NULL,
          type ${c.id} NOT NULL,
          payload ${c.blob} NOT NULL,
          created_at ${c.time} NOT NULL,
          published_at ${c.time} NULL,
          attempts ${c.int} NOT NULL DEFAULT 0,
          retry_at ${c.time} NULL,
          last_error ${c.text} NULL
        ) ${c.tableOptions}`,
        'CREATE UNIQUE INDEX outbox_event ON outbox (event_id)',
        'CREATE UNIQUE INDEX outbox_order ON outbox (tenant, session_id, source, source_seq)',
        'CREATE INDEX outbox_unpublished ON outbox (published_at, position)',
        `CREATE TABLE event_sequence (
          tenant ${c.id} NOT NULL,
          source ${c.id} NOT NULL,
          session_id ${c.id} NOT NULL,
          last_seq ${c.int} NOT NULL,
          updated_at ${c.time} NOT NULL,
          PRIMARY KEY (tenant, source, session_id)
        ) ${c.tableOptions}`,
        'CREATE INDEX event_sequence_age ON event_sequence (updated_at)',
      ],
    },
    { name: '002_log_order', statements: (c) => [`ALTER TABLE outbox ADD COLUMN log_order ${c.bigint} NULL`] },
  ],
};
