import { type EventLog, LogChanged, type LogWriter } from '../bus/event-log.ts';
import { type Lineage, lineageOf } from '../bus/lineage.ts';
import type { Database } from '../db/database.ts';
import { failpoint } from '../failpoints.ts';
import type { Logger } from '../log.ts';
import { isReplaced, LogGenerations, type RelayState } from './log-generations.ts';

/** So often the log must be shorter than what is remembered of it before it is thrown away. */
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
  /** How far which log reached when it was last looked at or appended to. */
  #reached = { incarnation: '', last: 0n };

  constructor(options: RelayLogOptions) {
    this.#options = options;
    this.#generations = new LogGenerations(options.db);
  }

  /** Has the log looked for again. */
  forget(): void {
    this.#log = undefined;
  }

  /**
   * Says in the database how far the known log may reach when this many records are appended. A client that has seen more was
   * told of events that the database does not know: it was restored to an earlier state.
   */
  async announce(records: number): Promise<void> {
    if (!this.#options.log.apart) return;
    const { incarnation, last } = this.#reached;
    if (!(await this.#generations.announce(incarnation, last + BigInt(records))))
      throw new LogChanged('another relay has turned to another log');
  }

  /** The known log was appended to up to this position. */
  reached(last: bigint): void {
    if (last > this.#reached.last) this.#reached = { ...this.#reached, last };
  }

  /** Everything that earlier generations had is in the known log. */
  async endReplay(): Promise<void> {
    if (!this.#log) return;
    const { writer, lineage } = this.#log;
    const { last } = await writer.bounds();
    await this.#describe(writer, { ...lineage, replayed: last });
  }

  /** A log that holds everything that is marked as published; undefined when it has to be looked for again. */
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

  /** Takes the log as known if it holds everything that is marked as published, and sees to it that it will if it does not. */
  async #compare(writer: LogWriter): Promise<void> {
    const { logger } = this.#options;
    const { incarnation } = writer;
    for (let look = 1; ; look++) {
      // before the bounds: a log grows, so what another leader has appended and marked meanwhile cannot look like a loss
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
        if (state)
          logger.warn({ event: 'log_anew' }, 'the event log is a new one: what is retained is published again');
        await this.#generations.turnTo(incarnation, state, (before) => writer.describe(before));
        return;
      }
      if (look < LOOKS) continue;
      logger.warn({ event: 'log_restored', last, known: state?.last }, 'the event log went back: it is made anew');
      return writer.renew();
    }
  }

  /** How far the log reaches at least: what was marked, and what this process has appended itself. */
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
