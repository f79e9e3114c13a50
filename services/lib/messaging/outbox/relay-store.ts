import { sql } from 'kysely';
import type { Database } from '../../db/database.ts';
import { precompiledQuery } from '../../db/precompiled-query/precompiled-query.ts';
import type { Executor } from '../../db/sql-backend.ts';
import { sqlTime } from '../../db/sql-time.ts';
import type { Clock } from '../../runtime/clock.ts';
import { orderOf } from '../bus/lineage.ts';
import { RELAY_NAME, type RelayTables } from './log-generation-store.ts';
import type { OutboxRow } from './outbox-tables.ts';

/** Rows per statement that marks rows: it is compiled once for each number of rows. */
const MARK_BATCH = 16;

/** The result of a batch. */
export interface PublishOutcome {
  /** The log that it was appended to. */
  readonly generationId: string;
  /** The generation number of that log. */
  readonly generationNumber: number;
  /** The current end of the log. */
  readonly last: bigint;
  readonly published: readonly { readonly row: OutboxRow; readonly position: bigint }[];
  readonly refused: readonly { row: OutboxRow; retryAt: number; error: string }[];
}

/** `last_position` never goes down: two relays may settle in another order than they published. */
const raiseLastPosition = precompiledQuery(
  (db: Executor<RelayTables>, to: { readonly name: string; readonly incarnation: string; readonly last: number }) =>
    db
      .updateTable('relay_state')
      .set((eb) => ({
        last_position: eb
          .case()
          .when('last_position', '<', to.last)
          .then(eb.val(to.last))
          .else(eb.ref('last_position'))
          .end(),
      }))
      .where('name', '=', to.name)
      .where('incarnation', '=', to.incarnation),
);

/** Rows that already have an order keep it. */
const markPublished = precompiledQuery(
  (
    db: Executor<RelayTables>,
    {
      rows,
      publishedAt,
    }: { rows: readonly { readonly position: number; readonly order: number }[]; publishedAt: string },
  ) => {
    const orders = rows.map(({ position, order }) => sql`when ${position} then ${order}`);
    return db
      .updateTable('outbox')
      .set({
        published_at: publishedAt,
        retry_at: null,
        log_order: sql<number>`coalesce(log_order, case position ${sql.join(orders, sql` `)} end)`,
      })
      .where(
        'position',
        'in',
        rows.map(({ position }) => position),
      );
  },
);

/** Not rows that became unpublished meanwhile: they must be published again. */
const markReplayed = precompiledQuery(
  (db: Executor<RelayTables>, { positions, publishedAt }: { positions: readonly number[]; publishedAt: string }) =>
    db
      .updateTable('outbox')
      .set({ published_at: publishedAt, retry_at: null })
      .where('position', 'in', positions)
      .where('log_order', 'is not', null),
);

interface UnpublishedFilter {
  readonly now: string;
  /** The longest time that a row is parked. */
  readonly longest: string;
  readonly limit: number;
}

const unpublishedRows = (db: Executor<RelayTables>, { now, longest, limit }: UnpublishedFilter) =>
  db
    .selectFrom('outbox')
    .selectAll()
    .where('published_at', 'is', null)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('outbox as parked')
            .select('parked.position')
            .whereRef('parked.tenant', '=', 'outbox.tenant')
            .whereRef('parked.session_id', '=', 'outbox.session_id')
            .whereRef('parked.position', '<=', 'outbox.position')
            // what is published is never parked any more: to ask for that too leads SQLite along the whole backlog for every row
            .where('parked.retry_at', '>', now)
            // a later time means that it was parked before the wall clock was set back
            .where('parked.retry_at', '<=', longest),
        ),
      ),
    )
    .orderBy('position')
    .limit(limit);

const selectUnpublished = precompiledQuery(unpublishedRows);
const selectReplayed = precompiledQuery((db: Executor<RelayTables>, values: UnpublishedFilter) =>
  unpublishedRows(db, values).where('log_order', 'is not', null),
);

/** The statements of the relay. */
export class RelayStore {
  readonly #db: Database;
  readonly #clock: Clock;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /**
   * Rows to publish now, oldest first, without those that are parked, for `longestMs` at most, and those that follow a parked
   * row of their session. It must be one statement: between two statements another relay could park a row, and rows that follow
   * it would overtake it.
   */
  unpublished(limit: number, maxDelayMs: number): Promise<OutboxRow[]> {
    return selectUnpublished(this.#db.autocommit(), this.#filter(limit, maxDelayMs)).then(({ rows }) => rows);
  }

  /** The same for rows that an earlier generation of the log had. */
  unpublishedReplay(limit: number, maxDelayMs: number): Promise<OutboxRow[]> {
    return selectReplayed(this.#db.autocommit(), this.#filter(limit, maxDelayMs)).then(({ rows }) => rows);
  }

  #filter(limit: number, maxDelayMs: number): UnpublishedFilter {
    const now = this.#clock.now();
    return { now: sqlTime(now), longest: sqlTime(now + maxDelayMs), limit };
  }

  /**
   * Makes rows that still have to be published again count as new: they wait for a row that the log refuses, and will follow
   * rows that are published from now on.
   */
  async endReplay(): Promise<void> {
    await this.#db
      .autocommit<RelayTables>()
      .updateTable('outbox')
      .set({ log_order: null })
      .where('published_at', 'is', null)
      .where('log_order', 'is not', null)
      .execute();
  }

  /**
   * Records the result of a batch, unless the relay has moved to another log since: then nothing is recorded, since all
   * rows must be published again. Returns whether it was.
   */
  recordOutcome({ generationId, generationNumber, last, published, refused }: PublishOutcome): Promise<boolean> {
    return this.#db.transaction('relay.mark', async (tx: Executor<RelayTables>) => {
      // this also locks the row: a relay that moves to another log waits for these marks, and resets them
      const { numAffectedRows } = await raiseLastPosition(tx, {
        name: RELAY_NAME,
        incarnation: generationId,
        last: Number(last),
      });
      if (!numAffectedRows) return false;
      await this.#markPublished(tx, generationNumber, published);
      for (const { row, retryAt, error } of refused) {
        await tx
          .updateTable('outbox')
          .set({ attempts: row.attempts + 1, retry_at: sqlTime(retryAt), last_error: error })
          .where('position', '=', row.position)
          .where('published_at', 'is', null)
          .execute();
        if (row.log_order !== null) await this.#countAsNew(tx, row);
      }
      return true;
    });
  }

  async #markPublished(
    tx: Executor<RelayTables>,
    generationNumber: number,
    published: PublishOutcome['published'],
  ): Promise<void> {
    const publishedAt = sqlTime(this.#clock.now());
    const replayed = published.filter(({ row }) => row.log_order !== null).map(({ row }) => row.position);
    if (replayed.length > 0) await markReplayed.enqueue(tx, { positions: replayed, publishedAt });
    const rows = published
      .filter(({ row }) => row.log_order === null)
      .map(({ row, position }) => ({ position: row.position, order: Number(orderOf(generationNumber, position)) }));
    for (let from = 0; from < rows.length; from += MARK_BATCH)
      await markPublished.enqueue(tx, { rows: rows.slice(from, from + MARK_BATCH), publishedAt });
  }

  /** A refused row, and the rows that follow it in its session, come after the rows that are published from now on. */
  async #countAsNew(tx: Executor<RelayTables>, { tenant, session_id, position }: OutboxRow): Promise<void> {
    await tx
      .updateTable('outbox')
      .set({ log_order: null })
      .where('tenant', '=', tenant)
      .where('session_id', '=', session_id)
      .where('position', '>=', position)
      .where('published_at', 'is', null)
      .execute();
  }

  /** The position of the last row; 0 without one. */
  async lastPosition(): Promise<number> {
    const row = await this.#db
      .autocommit<RelayTables>()
      .selectFrom('outbox')
      .select((eb) => eb.fn.max('position').as('last'))
      .executeTakeFirst();
    return Number(row?.last ?? 0);
  }
}
