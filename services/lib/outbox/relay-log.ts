import { type EventLog, LogChanged, type LogWriter } from '../bus/event-log.ts';
import { type Lineage, lineageOf } from '../bus/lineage.ts';
import type { Database } from '../db/database.ts';
import { failpoint } from '../failpoints.ts';
import type { Logger } from '../log.ts';
import { isReplaced, LogGenerations, type RelayState } from './log-generations.ts';

/** How many times in a row the log must be shorter than the stored position before it is recreated. */
const LOOKS = 2;

export interface RelayLogOptions {
  readonly db: Database;
  readonly log: EventLog;
  readonly logger: Logger;
}

/** The log that the relay publishes to. */
export interface KnownLog {
  readonly writer: LogWriter;
  readonly lineage: Lineage;
}

/** The log as the relay knows it: it holds everything that is marked as published, or is made to. */
export class RelayLog {
  readonly #options: RelayLogOptions;
  readonly #generations: LogGenerations;
  #log: KnownLog | undefined;
  /** The highest position of a log when it was last read or appended to. */
  #reached = { incarnation: '', last: 0n };

  constructor(options: RelayLogOptions) {
    this.#options = options;
    this.#generations = new LogGenerations(options.db);
  }

  /** Makes the relay look up the log again. */
  forget(): void {
    this.#log = undefined;
  }

  /**
   * Stores in the database how far the known log may reach once this many records are appended. A client that has seen a higher
   * position received events that the database does not know: the database was restored to an earlier state.
   */
  async announce(records: number): Promise<void> {
    if (!this.#options.log.apart) return;
    const { incarnation, last } = this.#reached;
    if (!(await this.#generations.announce(incarnation, last + BigInt(records))))
      throw new LogChanged('another relay has moved to another log');
  }

  /** The known log was appended to up to this position. */
  reached(last: bigint): void {
    if (last > this.#reached.last) this.#reached = { ...this.#reached, last };
  }

  /** Everything of earlier generations is in the known log. */
  async endReplay(): Promise<void> {
    if (!this.#log) return;
    const { writer, lineage } = this.#log;
    const { last } = await writer.bounds();
    await this.#describe(writer, { ...lineage, replayed: last });
  }

  /** A log that holds everything that is marked as published; undefined when it must be looked up again. */
  async known(): Promise<KnownLog | undefined> {
    const known = this.#log;
    if (known) {
      const { incarnation, last, lineage = known.lineage } = await known.writer.bounds();
      if (last >= this.#reached.last) {
        this.#reached = { incarnation, last };
        this.#log = { writer: known.writer, lineage };
        return this.#log;
      }
    }
    this.#log = undefined;
    await this.#compare(known?.writer ?? (await this.#options.log.writer()));
    return this.#log;
  }

  /** Accepts the log if it holds everything that is marked as published, and repairs it if it does not. */
  async #compare(writer: LogWriter): Promise<void> {
    const { logger } = this.#options;
    const { incarnation } = writer;
    for (let look = 1; ; look++) {
      // before the bounds: the log grows, so records that another leader appends and marks meanwhile cannot look like a loss
      const state = await this.#generations.state();
      await failpoint('relay.before-compare');
      const { last, lineage } = await writer.bounds();
      if (state?.incarnation === incarnation && last >= this.#known(state)) {
        this.#reached = { incarnation, last };
        if (lineage) this.#log = { writer, lineage };
        else await this.#describe(writer, lineageOf(state.generations, state.forgotten));
        return;
      }
      if (state?.incarnation !== incarnation && !(state && isReplaced(incarnation, state))) {
        if (state) logger.warn({ event: 'log_anew' }, 'the event log is new: all retained events are published again');
        await this.#generations.turnTo(incarnation, state, (before) => writer.describe(before));
        return;
      }
      if (look < LOOKS) continue;
      logger.warn(
        { event: 'log_restored', last, known: state?.last },
        'the event log lost its newest events: it is recreated',
      );
      return writer.renew();
    }
  }

  /** The lowest position that the log must have: the marked one, or what this process has appended itself. */
  #known({ incarnation, last }: RelayState): bigint {
    const own = this.#reached.incarnation === incarnation ? this.#reached.last : 0n;
    return own > last ? own : last;
  }

  async #describe(writer: LogWriter, lineage: Lineage): Promise<void> {
    await writer.describe(lineage);
    await this.#generations.saveReplayed(lineage);
    this.#log = { writer, lineage };
  }
}
