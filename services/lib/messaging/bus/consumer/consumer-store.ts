import type { Database } from '../../../db/database.ts';
import { isDue } from '../../../db/due.ts';
import type { Executor } from '../../../db/sql-backend.ts';
import { sqlTime } from '../../../db/sql-time.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { LoggedEvent, LogRecord } from '../event-log.ts';
import { sourceKey } from '../session-key.ts';
import {
  advanceOffset,
  type ConsumerTables,
  type EventColumns,
  type ParkedRow,
  type ProgressRow,
  replaceProgress,
  selectOffset,
  selectParked,
  selectProgress,
} from './consumer-statements.ts';

/** A position in one generation of the log. */
export interface ConsumerOffset {
  readonly generationId: string;
  readonly position: bigint;
}

/** An event to park, with its attempts and its error; 0 and null for one that waits behind another parked event. */
export interface ParkedEvent {
  readonly event: LogRecord;
  readonly attempts: number;
  readonly retryAt: number;
  readonly error: string | null;
}

/** The progress of a consumer in the sessions of a batch. */
export interface ConsumerProgress {
  /** The last number that was handled, by `sourceKey`. */
  readonly lastSeqs: Map<string, number>;
  /** The last number that is parked, by `sourceKey`. */
  readonly lastParkedSeqs: Map<string, number>;
}

/** What a batch changed. */
export interface BatchUpdate {
  /** When handling it began, by performance.now(). */
  readonly begunAt: number;
  readonly from: ConsumerOffset;
  readonly to: bigint;
  /** The last handled record by `sourceKey`. */
  readonly handled: ReadonlyMap<string, LogRecord>;
  readonly parked: readonly ParkedEvent[];
}

/** The statements of one consumer. */
export class ConsumerStore {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #consumer: string;

  constructor(db: Database, clock: Clock, consumer: string) {
    this.#db = db;
    this.#clock = clock;
    this.#consumer = consumer;
  }

  async offset(): Promise<ConsumerOffset | undefined> {
    const { rows } = await selectOffset(this.#db.autocommit(), { consumer: this.#consumer });
    return toOffset(rows[0]);
  }

  /** Moves the consumer to another position; a batch that another process handles from the old position is not saved then. */
  async resetTo({ generationId, position }: ConsumerOffset): Promise<void> {
    const row = { consumer: this.#consumer, incarnation: generationId, position: Number(position) };
    await this.#db.autocommit<ConsumerTables>().replaceInto('consumer_offset').values(row).execute();
  }

  /** The position of the consumer, and its progress in all sessions of the batch. */
  async readProgress(
    batch: readonly LoggedEvent[],
  ): Promise<ConsumerProgress & { readonly at: ConsumerOffset | undefined }> {
    const consumer = this.#consumer;
    const tenants = [...new Set(batch.map(({ tenant }) => tenant))];
    const sessions = [...new Set(batch.map(({ sessionId }) => sessionId))];
    const sessionsOfBatch = { consumer, tenants, sessions };
    const db = this.#db.autocommit<ConsumerTables>();
    const [offsets, progress, parked] = await Promise.all([
      selectOffset(db, { consumer }),
      selectProgress(db, sessionsOfBatch),
      selectParked(db, sessionsOfBatch),
    ]);
    return {
      at: toOffset(offsets.rows[0]),
      lastSeqs: lastSeqBySource(progress.rows),
      lastParkedSeqs: lastSeqBySource(parked.rows),
    };
  }

  /**
   * Saves a batch in one transaction. False, with nothing saved, when the consumer is no longer at `from`. Throws when the
   * database was restarted since the batch began: changes that a handler saw may be lost.
   */
  save({ begunAt, from, to, handled, parked }: BatchUpdate): Promise<boolean> {
    return this.#db.transaction(`consumer.${this.#consumer}`, async (tx: Executor<ConsumerTables>) => {
      const { generationId, position } = from;
      const move = { consumer: this.#consumer, incarnation: generationId, from: Number(position), to: Number(to) };
      const { numAffectedRows } = await advanceOffset(tx, move);
      if (!numAffectedRows) return false;
      this.#db.assertServedSince(begunAt);
      const rows = [...handled.values()].map((record) => this.#toProgressRow(record));
      if (rows.length > 0) await replaceProgress.enqueue(tx, { rows });
      if (parked.length > 0)
        await tx
          .insertInto('parked_event')
          .values(parked.map((row) => this.#toParkedRow(row)) as never)
          .execute();
      return true;
    });
  }

  /** Sessions with a parked event that is due, at most `limit`. None waits for longer than `longestMs`. */
  dueParkedSessions(limit: number, maxDelayMs: number): Promise<{ tenant: string; session_id: string }[]> {
    return this.#db
      .autocommit<ConsumerTables>()
      .selectFrom('parked_event')
      .select(['tenant', 'session_id'])
      .distinct()
      .where('consumer', '=', this.#consumer)
      .where(isDue('retry_at', this.#clock.now(), maxDelayMs))
      .limit(limit)
      .execute();
  }

  async parkedCount(): Promise<number> {
    const row = await this.#db
      .autocommit<ConsumerTables>()
      .selectFrom('parked_event')
      .select((eb) => eb.fn.countAll().as('count'))
      .where('consumer', '=', this.#consumer)
      .executeTakeFirst();
    return Number(row?.count ?? 0);
  }

  /** A session's parked events in the order of their arrival. */
  parkedEvents(tenant: string, sessionId: string, limit: number): Promise<ParkedRow[]> {
    return this.#db
      .autocommit<ConsumerTables>()
      .selectFrom('parked_event')
      .selectAll()
      .where('consumer', '=', this.#consumer)
      .where('tenant', '=', tenant)
      .where('session_id', '=', sessionId)
      .orderBy('parked_id')
      .limit(limit)
      .execute();
  }

  /**
   * Removes a parked event whose handling began at `begunAt`, and counts it as handled. False when another process did. Throws
   * like `save`.
   */
  unpark(row: ParkedRow, begunAt: number): Promise<boolean> {
    return this.#db.transaction(`consumer.${this.#consumer}.unpark`, async (tx: Executor<ConsumerTables>) => {
      const { numDeletedRows } = await tx
        .deleteFrom('parked_event')
        .where('parked_id', '=', row.parked_id)
        .executeTakeFirst();
      if (numDeletedRows === 0n) return false;
      this.#db.assertServedSince(begunAt);
      await tx
        .replaceInto('consumer_progress')
        .values(this.#toProgressRow(recordOfEventRow(row)))
        .execute();
      return true;
    });
  }

  /** Delays a session's parked events; `failure` is that of the first one. */
  async postpone(row: ParkedRow, retryAt: number, failure?: { attempts: number; error: string }): Promise<void> {
    const tables = this.#db.autocommit<ConsumerTables>();
    if (failure)
      await tables
        .updateTable('parked_event')
        .set({ attempts: failure.attempts, last_error: failure.error })
        .where('parked_id', '=', row.parked_id)
        .execute();
    await tables
      .updateTable('parked_event')
      .set({ retry_at: sqlTime(retryAt) })
      .where('consumer', '=', this.#consumer)
      .where('tenant', '=', row.tenant)
      .where('session_id', '=', row.session_id)
      .execute();
  }

  #toProgressRow(record: LogRecord): ProgressRow {
    return {
      consumer: this.#consumer,
      tenant: record.tenant,
      session_id: record.sessionId,
      source: record.source,
      last_seq: record.sourceSeq,
      updated_at: sqlTime(this.#clock.now()),
    };
  }

  #toParkedRow({ event, attempts, retryAt, error }: ParkedEvent): Omit<ParkedRow, 'parked_id'> {
    return {
      consumer: this.#consumer,
      tenant: event.tenant,
      session_id: event.sessionId,
      source: event.source,
      source_seq: event.sourceSeq,
      event_id: event.eventId,
      type: event.type,
      payload: Buffer.from(event.payload),
      attempts,
      retry_at: sqlTime(retryAt),
      last_error: error,
    };
  }
}

/** The event of a row that stores one, such as a parked one. */
export function recordOfEventRow(row: EventColumns): LogRecord {
  return {
    eventId: row.event_id,
    tenant: row.tenant,
    source: row.source,
    sessionId: row.session_id,
    sourceSeq: row.source_seq,
    type: row.type,
    payload: row.payload,
  };
}

function toOffset(row: ConsumerTables['consumer_offset'] | undefined): ConsumerOffset | undefined {
  return row && { generationId: row.incarnation, position: BigInt(row.position) };
}

function lastSeqBySource(rows: { tenant: string; session_id: string; source: string; last_seq: number }[]) {
  return new Map(
    rows.map((row) => [sourceKey({ ...row, sessionId: row.session_id }), Number(row.last_seq)] as [string, number]),
  );
}
