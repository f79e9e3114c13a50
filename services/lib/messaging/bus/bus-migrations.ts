import type { Migrations } from '../../db/migrations/migrations.ts';
import { PROGRESS_RETENTION_HOURS } from '../outbox/event-retention.ts';

/** The tables of the relay and of the consumers. */
export const busMigrations: Migrations = {
  owner: 'bus',
  tables: {
    relay_state: { keptForEver: 'one row' },
    consumer_offset: { keptForEver: 'one row per consumer' },
    consumer_progress: { column: 'updated_at', hours: PROGRESS_RETENTION_HOURS },
    parked_event: { removed: 'when it has been handled: it is tried again until then' },
  },
  steps: [
    {
      name: '001_relay',
      statements: (c) => [
        // finds the few parked rows without looking at the others
        'CREATE INDEX outbox_parked ON outbox (retry_at)',
        `CREATE TABLE relay_state (
          name ${c.id} NOT NULL PRIMARY KEY,
          incarnation ${c.id} NOT NULL,
          last_position ${c.bigint} NOT NULL
        ) ${c.tableOptions}`,
      ],
    },
    {
      name: '002_consumer',
      statements: (c) => [
        `CREATE TABLE consumer_offset (
          consumer ${c.id} NOT NULL PRIMARY KEY,
          incarnation ${c.id} NOT NULL,
          position ${c.bigint} NOT NULL
        ) ${c.tableOptions}`,
        `CREATE TABLE consumer_progress (
          consumer ${c.id} NOT NULL,
          tenant ${c.id} NOT NULL,
          session_id ${c.id} NOT NULL,
          source ${c.id} NOT NULL,
          last_seq ${c.int} NOT NULL,
          updated_at ${c.time} NOT NULL,
          PRIMARY KEY (consumer, tenant, session_id, source)
        ) ${c.tableOptions}`,
        'CREATE INDEX consumer_progress_age ON consumer_progress (updated_at)',
        `CREATE TABLE parked_event (
          parked_id ${c.autoIncrementKey},
          consumer ${c.id} NOT NULL,
          tenant ${c.id} NOT NULL,
          session_id ${c.id} NOT NULL,
          source ${c.id} NOT NULL,
          source_seq ${c.int} NOT NULL,
          event_id ${c.id} NOT NULL,
          type ${c.id} NOT NULL,
          payload ${c.blob} NOT NULL,
          attempts ${c.int} NOT NULL,
          retry_at ${c.time} NOT NULL,
          last_error ${c.text} NULL
        ) ${c.tableOptions}`,
        'CREATE UNIQUE INDEX parked_event_order ON parked_event (consumer, tenant, session_id, source, source_seq)',
        'CREATE INDEX parked_event_due ON parked_event (consumer, retry_at)',
      ],
    },
    {
      name: '003_generations',
      statements: (c) => [
        `ALTER TABLE relay_state ADD COLUMN generations ${c.text} NULL`,
        `ALTER TABLE relay_state ADD COLUMN announced ${c.bigint} NOT NULL DEFAULT 0`,
        `ALTER TABLE relay_state ADD COLUMN forgotten ${c.bigint} NOT NULL DEFAULT 0`,
      ],
    },
  ],
};
