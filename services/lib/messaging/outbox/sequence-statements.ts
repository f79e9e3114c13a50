import { precompiledQuery } from '../../db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../db/sql-backend.ts';
import type { OutboxTables } from './outbox-tables.ts';

interface SequenceKey {
  readonly tenant: string;
  readonly source: string;
  readonly sessionId: string;
}

export const incrementSequence = precompiledQuery(
  (db: Executor<OutboxTables>, to: SequenceKey & { readonly count: number; readonly updatedAt: string }) =>
    db
      .updateTable('event_sequence')
      .set((eb) => ({ last_seq: eb('last_seq', '+', to.count), updated_at: to.updatedAt }))
      .where('tenant', '=', to.tenant)
      .where('source', '=', to.source)
      .where('session_id', '=', to.sessionId),
);

const sequenceQuery = (db: Executor<OutboxTables>, { tenant, source, sessionId }: SequenceKey) =>
  db
    .selectFrom('event_sequence')
    .select('last_seq')
    .where('tenant', '=', tenant)
    .where('source', '=', source)
    .where('session_id', '=', sessionId);

export const selectSequence = precompiledQuery(sequenceQuery);
export const selectSequenceLocked = precompiledQuery((db: Executor<OutboxTables>, key: SequenceKey) =>
  sequenceQuery(db, key).forUpdate(),
);

export const insertSequence = precompiledQuery(
  (db: Executor<OutboxTables>, { row }: { readonly row: OutboxTables['event_sequence'] }) =>
    db.insertInto('event_sequence').values(row),
);
