import { setImmediate as breathe } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import type { Database, Executor } from '../db/database.ts';
import { prepared } from '../db/prepared.ts';
import { msOf, sqlTime } from '../db/time.ts';
import type { OutboxRow, OutboxTables } from './outbox.ts';

interface RelayTables extends OutboxTables {
  /** The log that `published_at` speaks of, and how far it is known to reach. */
  relay_state: { name: string; incarnation: string; last_position: number };
}

const NAME = 'relay';
/** In place of an incarnation while rows are being made unpublished: no log is called so, nobody may mark. */
const RESETTING = '';
const RESET_BATCH = 1_000;

/** What became of a batch. */
export interface Outcome {
  /** The log that it was appended to. */
  readonly incarnation: string;
  /** How far the log reaches now. */
  readonly last: bigint;
  readonly published: readonly OutboxRow[];
  readonly refused: readonly { row: OutboxRow; retryAt: number; error: string }[];
}

/** `last_position` never goes down: two relays may settle in another order than they published. */
const reach = prepared(
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

const mark = prepared(
  (db: Executor<RelayTables>, { positions, publishedAt }: { positions: readonly number[]; publishedAt: string }) =>
    db.updateTable('outbox').set({ published_at: publishedAt, retry_at: null }).where('position', 'in', positions),
);

const selectWaiting = prepared((db: Executor<RelayTables>, { now, limit }: { now: string; limit: number }) =>
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
            .where('parked.retry_at', '>', now),
        ),
      ),
    )
    .orderBy('position')
    .limit(limit),
);

/** The statements of the relay. */
export class RelayStore {
  readonly #db: Database;
  readonly #clock: Clock;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** What the relay last knew of the log; undefined before the first time. */
  async state(): Promise<{ incarnation: string; last: bigint } | undefined> {
    const row = await this.#db
      .of<RelayTables>()
      .selectFrom('relay_state')
      .selectAll()
      .where('name', '=', NAME)
      .executeTakeFirst();
    return row && { incarnation: row.incarnation, last: BigInt(row.last_position) };
  }

  /**
   * Rows to publish now, oldest first, without those that are parked and those behind a parked one of their session. It has
   * to be one statement: between two, another relay could park a row, and what is behind it would overtake it.
   */
  waiting(limit: number): Promise<OutboxRow[]> {
    return selectWaiting(this.#db.of(), { now: sqlTime(this.#clock.now()), limit }).then(({ rows }) => rows);
  }

  /**
   * Records what became of a batch, unless the relay has turned to another log since: then nothing is recorded, since all
   * has to be published again. Returns whether it was.
   */
  settle({ incarnation, last, published, refused }: Outcome): Promise<boolean> {
    return this.#db.transaction('relay.mark', async (tx: Executor<RelayTables>) => {
      // it locks the row too: whoever turns to another log waits for these marks, and undoes them
      const { numAffectedRows } = await reach(tx, { name: NAME, incarnation, last: Number(last) });
      if (!numAffectedRows) return false;
      const positions = published.map((row) => row.position);
      if (positions.length > 0) await mark.later(tx, { positions, publishedAt: sqlTime(this.#clock.now()) });
      for (const { row, retryAt, error } of refused) {
        await tx
          .updateTable('outbox')
          .set({ attempts: row.attempts + 1, retry_at: sqlTime(retryAt), last_error: error })
          .where('position', '=', row.position)
          .where('published_at', 'is', null)
          .execute();
      }
      return true;
    });
  }

  /**
   * Turns to a log that has nothing of what was published: everything retained becomes unpublished, in paced batches, and
   * only then is the log remembered. Until then no relay can mark, so a crash half-way begins it again. Returns whether it
   * succeeded; another relay may have turned to some log meanwhile.
   */
  async turnTo(incarnation: string): Promise<boolean> {
    await this.#beginReset();
    for (let from = 0; ; ) {
      const rows = await this.#db
        .of<RelayTables>()
        .selectFrom('outbox')
        .select('position')
        .where('position', '>', from)
        .orderBy('position')
        .limit(RESET_BATCH)
        .execute();
      const to = rows.at(-1)?.position;
      if (to === undefined) break;
      await this.#unpublish(from, to);
      from = to;
      await breathe();
    }
    const result = await this.#db
      .of<RelayTables>()
      .updateTable('relay_state')
      .set({ incarnation, last_position: 0 })
      .where('name', '=', NAME)
      .where('incarnation', '=', RESETTING)
      .executeTakeFirst();
    return result.numUpdatedRows > 0n;
  }

  async #beginReset(): Promise<void> {
    const fresh = { incarnation: RESETTING, last_position: 0 };
    const tables = this.#db.of<RelayTables>();
    if (await this.state()) {
      await tables.updateTable('relay_state').set(fresh).where('name', '=', NAME).execute();
      return;
    }
    try {
      await tables
        .insertInto('relay_state')
        .values({ name: NAME, ...fresh })
        .execute();
    } catch (error) {
      if (!this.#db.isDuplicateKey(error)) throw error; // another relay was first; then the end of the reset shows who wins
    }
  }

  async #unpublish(from: number, to: number): Promise<void> {
    await this.#db
      .of<RelayTables>()
      .updateTable('outbox')
      .set({ published_at: null })
      .where('position', '>', from)
      .where('position', '<=', to)
      .where('published_at', 'is not', null)
      .execute();
  }

  /** The position of the last row; 0 without one. */
  async lastPosition(): Promise<number> {
    const row = await this.#db
      .of<RelayTables>()
      .selectFrom('outbox')
      .select((eb) => eb.fn.max('position').as('last'))
      .executeTakeFirst();
    return Number(row?.last ?? 0);
  }

  /** How many rows wait, and for how many milliseconds the oldest has. */
  async backlog(): Promise<{ depth: number; oldestMs: number }> {
    const tables = this.#db.of<RelayTables>();
    const { depth } = await tables
      .selectFrom('outbox')
      .select((eb) => eb.fn.countAll().as('depth'))
      .where('published_at', 'is', null)
      .executeTakeFirstOrThrow();
    const oldest = await tables
      .selectFrom('outbox')
      .select('created_at')
      .where('published_at', 'is', null)
      .orderBy('position')
      .limit(1)
      .executeTakeFirst();
    return { depth: Number(depth), oldestMs: oldest ? this.#clock.now() - msOf(oldest.created_at) : 0 };
  }
}
