import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { EventSchema, Source } from '../../../../gen/autosession/event/v1/event_pb.js';
import type { Executor } from '../../db/database.ts';
import type { Migrations } from '../../db/migrations/migrate.ts';
import { precompiledQuery } from '../../db/precompiled-query/precompiled-query.ts';
import { sqlTime } from '../../db/sql-time.ts';
import { afterCommit } from '../../db/transaction-context.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { IdGenerator } from '../../runtime/id-generator.ts';
import { EVENT_RETENTION_HOURS, SEQUENCE_RETENTION_HOURS } from './event-retention.ts';
import { incrementSequence, insertSequence, selectSequence, selectSequenceLocked } from './sequence-statements.ts';

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

/** How the outbox names the sources. */
export const sourceNames: Record<Source, string> = {
  [Source.UNSPECIFIED]: 'none',
  [Source.SESSION]: 'session',
  [Source.TASK_DISPATCH]: 'task-dispatch',
  [Source.MESSAGE_ANALYSIS]: 'message-analysis',
  [Source.HANDOVER]: 'handover',
};

/** An event to emit. `eventId` and `occurredAt` are filled in when absent; `sourceSeq` is the emitter's to count. */
export type EventInit = MessageInitShape<typeof EventSchema> & { source: Source; sessionId: string; sourceSeq: number };

const insertRows = precompiledQuery((db: Executor<OutboxTables>, { rows }: { rows: readonly object[] }) =>
  db.insertInto('outbox').values(rows as never),
);

/** Writes events beside the change that they tell of; the relay takes them from there. */
export class Outbox {
  readonly #clock: Clock;
  readonly #ids: IdGenerator;
  readonly #commitHooks = new Set<() => void>();

  constructor(clock: Clock, ids: IdGenerator) {
    this.#clock = clock;
    this.#ids = ids;
  }

  /**
   * Adds the events to the transaction, in one insert; a failure of it may come out at the commit. Every `sourceSeq` must have been taken under the session's row lock
   * (or by `takeSequence`). The relay is woken after the commit.
   */
  async emit(tx: Executor, tenant: string, events: readonly EventInit[]): Promise<void> {
    if (events.length === 0) return;
    const now = this.#clock.now();
    const rows = events.map((init) => this.#toRow(init, tenant, now));
    await insertRows.enqueue(tx, { rows });
    afterCommit(() => this.notifyCommit());
  }

  #toRow(init: EventInit, tenant: string, now: number) {
    const event = create(EventSchema, init);
    event.eventId ||= this.#ids.next('evt');
    event.occurredAt ??= timestampFromMs(now);
    if (!event.payload.case || event.sourceSeq < 1) throw new Error('an event needs a payload and a source_seq');
    return {
      event_id: event.eventId,
      tenant,
      source: sourceNames[event.source],
      session_id: event.sessionId,
      source_seq: event.sourceSeq,
      type: eventTypeName(event.payload.case),
      payload: Buffer.from(toBinary(EventSchema, event)),
      created_at: sqlTime(now),
    };
  }

  /**
   * Takes the next `count` event numbers of (source, session) and returns the first, holding that row's lock until the
   * transaction ends. For sources that have no row of their own per session; the others count in their row.
   */
  async takeSequence(tx: Executor, tenant: string, source: Source, sessionId: string, count = 1): Promise<number> {
    const key = { tenant, source: sourceNames[source], sessionId };
    const updatedAt = sqlTime(this.#clock.now());
    const [raised, last] = await Promise.all([
      incrementSequence(tx, { ...key, count, updatedAt }),
      this.lastSequence(tx, tenant, source, sessionId),
    ]);
    if (raised.numAffectedRows) return last - count + 1;
    // a racing first emitter fails on the primary key; the caller's transaction is then run again
    const row = { tenant, source: key.source, session_id: sessionId, last_seq: count, updated_at: updatedAt };
    await insertSequence.enqueue(tx, { row });
    return 1;
  }

  /**
   * Locks the counter of (source, session) and returns its last number; undefined when it has none yet, and then nothing is
   * locked. For emitters that learn later in the transaction whether they have something to tell; see `moveSequence`.
   */
  async lockSequence(tx: Executor, tenant: string, source: Source, sessionId: string): Promise<number | undefined> {
    const { rows } = await selectSequenceLocked(tx, { tenant, source: sourceNames[source], sessionId });
    return rows[0]?.last_seq;
  }

  /** Takes one number behind `last`, as lockSequence() returned it. A racing first emitter fails at the commit. */
  async advanceSequence(
    tx: Executor,
    key: { readonly tenant: string; readonly source: Source; readonly sessionId: string },
    last: number | undefined,
  ): Promise<number> {
    const { tenant, sessionId } = key;
    const source = sourceNames[key.source];
    const updatedAt = sqlTime(this.#clock.now());
    if (last === undefined) {
      const row = { tenant, source, session_id: sessionId, last_seq: 1, updated_at: updatedAt };
      await insertSequence.enqueue(tx, { row });
      return 1;
    }
    await incrementSequence.enqueue(tx, { tenant, source, sessionId, count: 1, updatedAt });
    return last + 1;
  }

  /** The last number that `takeSequence` gave out for (source, session); 0 if none. */
  async lastSequence(tx: Executor, tenant: string, source: Source, sessionId: string): Promise<number> {
    const { rows } = await selectSequence(tx, { tenant, source: sourceNames[source], sessionId });
    return rows[0]?.last_seq ?? 0;
  }

  /** Calls `hook` after every commit that emitted something in this process. */
  onCommit(hook: () => void): Disposable {
    this.#commitHooks.add(hook);
    return { [Symbol.dispose]: () => void this.#commitHooks.delete(hook) };
  }

  /** Wakes the relay. */
  notifyCommit(): void {
    for (const hook of this.#commitHooks) hook();
  }
}

/** `sessionCreated` as the log names it: `session_created`. */
export function eventTypeName(payloadCase: string): string {
  return payloadCase.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
