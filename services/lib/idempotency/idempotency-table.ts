import type { Migrations } from '../db/migrations/migrations.ts';

/** How long an answer is kept for repeats. */
export const IDEMPOTENCY_HOURS = 24;

export interface IdempotencyTables {
  idempotency_key: {
    tenant: string;
    method: string;
    idempotency_key: string;
    request_hash: string;
    answer: Uint8Array;
    created_at: string;
  };
}

export const idempotencyMigrations: Migrations = {
  owner: 'idempotency',
  tables: {
    idempotency_key: { column: 'created_at', hours: IDEMPOTENCY_HOURS },
  },
  steps: [
    {
      name: '001_idempotency_key',
      statements: (c) => [
        `CREATE TABLE idempotency_key (
          tenant ${c.id} NOT NULL,
          method ${c.key(100)} NOT NULL,
          idempotency_key ${c.key(100)} NOT NULL,
          request_hash ${c.id} NOT NULL,
          answer ${c.blob} NOT NULL,
          created_at ${c.time} NOT NULL,
          PRIMARY KEY (tenant, method, idempotency_key)
        ) ${c.tableOptions}`,
        'CREATE INDEX idempotency_key_age ON idempotency_key (created_at)',
      ],
    },
  ],
};
