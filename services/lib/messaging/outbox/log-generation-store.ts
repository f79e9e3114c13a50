import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Database } from '../../db/database.ts';
import { sqlTime } from '../../db/sql-time.ts';
import { failpoint } from '../../runtime/failpoints.ts';
import {
  decodeGenerations,
  encodeGenerations,
  type Generation,
  type Lineage,
  lineageOf,
  orderOf,
  withNewest,
} from '../bus/lineage.ts';
import type { OutboxTables } from './outbox-tables.ts';

export interface RelayTables extends OutboxTables {
  relay_state: {
    name: string;
    /** The log that `published_at` refers to. */
    incarnation: string;
    /** The highest position that is known to be in it. */
    last_position: number;
    /**
     * The highest position that may be in it: appended records may not be marked yet. 0 where the log is part of the database.
     */
    announced: number;
    /** The generations of the log, the current one last. */
    generations: string | null;
    /** The highest order of the rows that retention has removed. */
    forgotten: number;
  };
}

/** The relay's row in relay_state. */
export const RELAY_NAME = 'relay';
/** Replaces the generation id while rows are reset to unpublished: no log has this name, so no relay can mark rows. */
const RESETTING = '';
const RESET_BATCH = 1_000;

/** The relay's state of the log. */
export interface RelayState {
  readonly generationId: string;
  readonly last: bigint;
  readonly announced: bigint;
  readonly generations: readonly Generation[];
  readonly forgotten: bigint;
}

/** Stores the generations of the log, and moves the relay to a new one. */
export class LogGenerationStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The relay's last stored state of the log; undefined before the first time. */
  async state(): Promise<RelayState | undefined> {
    const row = await this.#rows
      .selectFrom('relay_state')
      .selectAll()
      .where('name', '=', RELAY_NAME)
      .executeTakeFirst();
    if (!row) return undefined;
    const { incarnation: generationId, last_position, announced, forgotten } = row;
    const storedGenerations = decodeGenerations(row.generations);
    // earlier releases stored no generations
    const generations = generationId === RESETTING ? storedGenerations : withNewest(storedGenerations, generationId);
    return {
      generationId,
      last: BigInt(last_position),
      announced: BigInt(announced),
      generations,
      forgotten: BigInt(forgotten),
    };
  }

  /**
   * Moves to a log that contains nothing of what was published: everything retained becomes unpublished, in paced batches, and
   * only then is the log stored as the current one. Until then no relay can mark rows, so a crash half-way restarts the move.
   * `describe` receives the lineage before that. Returns whether it succeeded; another relay may have moved to a log meanwhile.
   */
  async switchTo(
    name: string,
    from: RelayState | undefined,
    saveLineage: (lineage: Lineage) => Promise<void>,
  ): Promise<boolean> {
    const generations = withNewest(from ? closeNewest(from) : [], name);
    const lineage = lineageOf(generations, from?.forgotten ?? 0n);
    if (!(await this.#beginReset(from, generations))) return false;
    await failpoint('new-log.after-begin');
    await saveLineage(lineage);
    await failpoint('new-log.after-lineage');
    // published by a release that stored no orders: at most this
    const latest = orderOf(lineage.number - 1, from?.last ?? 0n);
    for (let row = 0; ; ) {
      const to = await this.#endOfBatch(row);
      if (to === undefined) break;
      await this.#unpublish(row, to, latest);
      row = to;
      await yieldToEventLoop();
    }
    await failpoint('new-log.after-reset');
    const { numUpdatedRows } = await this.#rows
      .updateTable('relay_state')
      .set({ incarnation: name, last_position: 0, announced: 0 })
      .where('name', '=', RELAY_NAME)
      .where('incarnation', '=', RESETTING)
      .where('generations', '=', encodeGenerations(generations))
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  /** Stores how far the log may reach soon. False when the relay has moved to another log. */
  async announce(incarnation: string, position: bigint): Promise<boolean> {
    const { numUpdatedRows } = await this.#rows
      .updateTable('relay_state')
      .set({ announced: Number(position) })
      .where('name', '=', RELAY_NAME)
      .where('incarnation', '=', incarnation)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  /** Stores where the replayed part of the log ended. */
  async saveReplayed({ name, number, replayed, earlier }: Lineage): Promise<void> {
    await this.#rows
      .updateTable('relay_state')
      .set({ generations: encodeGenerations([...earlier, { name, number, replayed }]) })
      .where('name', '=', RELAY_NAME)
      .where('incarnation', '=', name)
      .execute();
  }

  /** Stores the highest order that retention is about to remove: rows published before that time, in epoch milliseconds. */
  async saveForgotten(before: number): Promise<void> {
    const state = await this.state();
    if (!state) return;
    const latest = Number(orderOf(state.generations.at(-1)?.number ?? 0, state.last));
    const { highest } = await this.#rows
      .selectFrom('outbox')
      .select(sql<number | null>`max(coalesce(log_order, ${latest}))`.as('highest'))
      .where('published_at', '<', sqlTime(before))
      .executeTakeFirstOrThrow();
    if (highest === null) return;
    await this.#rows
      .updateTable('relay_state')
      .set({ forgotten: Number(highest) })
      .where('name', '=', RELAY_NAME)
      .where('forgotten', '<', Number(highest))
      .execute();
  }

  get #rows() {
    return this.#db.autocommit<RelayTables>();
  }

  /** False when another relay has moved to a log since `from` was read. */
  async #beginReset(from: RelayState | undefined, generations: readonly Generation[]): Promise<boolean> {
    const values = { incarnation: RESETTING, generations: encodeGenerations(generations) };
    if (from) {
      const { numUpdatedRows } = await this.#rows
        .updateTable('relay_state')
        .set(values)
        .where('name', '=', RELAY_NAME)
        .where('incarnation', '=', from.generationId)
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    }
    try {
      await this.#rows
        .insertInto('relay_state')
        .values({ name: RELAY_NAME, ...values, last_position: 0, announced: 0, forgotten: 0 })
        .execute();
      return true;
    } catch (error) {
      if (this.#db.isDuplicateKey(error)) return false;
      throw error;
    }
  }

  async #endOfBatch(from: number): Promise<number | undefined> {
    const rows = await this.#rows
      .selectFrom('outbox')
      .select('position')
      .where('position', '>', from)
      .orderBy('position')
      .limit(RESET_BATCH)
      .execute();
    return rows.at(-1)?.position;
  }

  async #unpublish(from: number, to: number, latest: bigint): Promise<void> {
    await this.#rows
      .updateTable('outbox')
      .set({ published_at: null, log_order: sql<number>`coalesce(log_order, ${Number(latest)})` })
      .where('position', '>', from)
      .where('position', '<=', to)
      .where('published_at', 'is not', null)
      .execute();
  }
}

/** The generations, with the newest one closed. */
function closeNewest({ generationId, generations, last, announced }: RelayState): readonly Generation[] {
  const latest = generations.at(-1);
  if (!latest || generationId === RESETTING) return generations;
  const reached = announced > last ? announced : last;
  return [...generations.slice(0, -1), { ...latest, reached }];
}

/** Whether a later log has replaced this one: then it can only be a restored copy. */
export function isReplaced(name: string, { generations }: RelayState): boolean {
  return generations.slice(0, -1).some((generation) => generation.name === name);
}
