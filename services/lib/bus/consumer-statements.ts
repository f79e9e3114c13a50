import type { Executor } from '../db/database.ts';
import { prepared } from '../db/prepared.ts';

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

export const replaceProgress = prepared((db: Executor<ConsumerTables>, { rows }: { rows: readonly ProgressRow[] }) =>
  db.replaceInto('consumer_progress').values(rows),
);

interface OffsetMove {
  readonly consumer: string;
  readonly incarnation: string;
  readonly from: number;
  readonly to: number;
}

export const moveOffset = prepared((db: Executor<ConsumerTables>, { consumer, incarnation, from, to }: OffsetMove) =>
  db
    .updateTable('consumer_offset')
    .set({ position: to })
    .where('consumer', '=', consumer)
    .where('incarnation', '=', incarnation)
    .where('position', '=', from),
);

export const selectOffset = prepared((db: Executor<ConsumerTables>, { consumer }: { consumer: string }) =>
  db.selectFrom('consumer_offset').selectAll().where('consumer', '=', consumer),
);

interface SessionsOf {
  readonly consumer: string;
  readonly tenants: readonly string[];
  readonly sessions: readonly string[];
}

export const selectProgress = prepared((db: Executor<ConsumerTables>, { consumer, tenants, sessions }: SessionsOf) =>
  db
    .selectFrom('consumer_progress')
    .select(['tenant', 'session_id', 'source', 'last_seq'])
    .where('consumer', '=', consumer)
    .where('tenant', 'in', tenants)
    .where('session_id', 'in', sessions),
);

export const selectParked = prepared((db: Executor<ConsumerTables>, { consumer, tenants, sessions }: SessionsOf) =>
  db
    .selectFrom('parked_event')
    .select((eb) => ['tenant', 'session_id', 'source', eb.fn.max('source_seq').as('last_seq')])
    .where('consumer', '=', consumer)
    .where('tenant', 'in', tenants)
    .where('session_id', 'in', sessions)
    .groupBy(['tenant', 'session_id', 'source']),
);
