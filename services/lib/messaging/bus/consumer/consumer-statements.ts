import { precompiledQuery } from '../../../db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../../db/sql-backend.ts';

/** The columns of an event, in every table that stores events. */
export interface EventColumns {
  tenant: string;
  session_id: string;
  source: string;
  source_seq: number;
  event_id: string;
  type: string;
  payload: Uint8Array;
}

export interface ParkedRow extends EventColumns {
  parked_id: number;
  consumer: string;
  attempts: number;
  retry_at: string;
  last_error: string | null;
}

export interface ConsumerTables {
  consumer_offset: { consumer: string; incarnation: string; position: number };
  consumer_progress: ProgressRow;
  parked_event: ParkedRow;
}

export interface ProgressRow {
  consumer: string;
  tenant: string;
  session_id: string;
  source: string;
  last_seq: number;
  updated_at: string;
}

export const replaceProgress = precompiledQuery(
  (db: Executor<ConsumerTables>, { rows }: { rows: readonly ProgressRow[] }) =>
    db.replaceInto('consumer_progress').values(rows),
);

interface OffsetAdvance {
  readonly consumer: string;
  readonly incarnation: string;
  readonly from: number;
  readonly to: number;
}

export const advanceOffset = precompiledQuery(
  (db: Executor<ConsumerTables>, { consumer, incarnation, from, to }: OffsetAdvance) =>
    db
      .updateTable('consumer_offset')
      .set({ position: to })
      .where('consumer', '=', consumer)
      .where('incarnation', '=', incarnation)
      .where('position', '=', from),
);

export const selectOffset = precompiledQuery((db: Executor<ConsumerTables>, { consumer }: { consumer: string }) =>
  db.selectFrom('consumer_offset').selectAll().where('consumer', '=', consumer),
);

interface ConsumerSessions {
  readonly consumer: string;
  readonly tenants: readonly string[];
  readonly sessions: readonly string[];
}

export const selectProgress = precompiledQuery(
  (db: Executor<ConsumerTables>, { consumer, tenants, sessions }: ConsumerSessions) =>
    db
      .selectFrom('consumer_progress')
      .select(['tenant', 'session_id', 'source', 'last_seq'])
      .where('consumer', '=', consumer)
      .where('tenant', 'in', tenants)
      .where('session_id', 'in', sessions),
);

export const selectParked = precompiledQuery(
  (db: Executor<ConsumerTables>, { consumer, tenants, sessions }: ConsumerSessions) =>
    db
      .selectFrom('parked_event')
      .select((eb) => ['tenant', 'session_id', 'source', eb.fn.max('source_seq').as('last_seq')])
      .where('consumer', '=', consumer)
      .where('tenant', 'in', tenants)
      .where('session_id', 'in', sessions)
      .groupBy(['tenant', 'session_id', 'source']),
);
