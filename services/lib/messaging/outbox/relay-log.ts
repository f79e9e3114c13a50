import type { Database } from '../../db/database.ts';
import type { Logger } from '../../observability/logger.ts';
import { failpoint } from '../../runtime/failpoints.ts';
import { type EventLog, LogGenerationError, type LogWriter } from '../bus/event-log.ts';
import { type Lineage, lineageOf } from '../bus/lineage.ts';
import { isReplaced, LogGenerationStore, type RelayState } from './log-generation-store.ts';

/** How many times in a row the log must be shorter than the stored position before it is recreated. */
const MAX_CHECKS = 2;

export interface RelayLogOptions {
  readonly db: Database;
  readonly log: EventLog;
  readonly logger: Logger;
}

/** The log that the relay publishes to. */
export interface VerifiedLog {
  readonly writer: LogWriter;
  readonly lineage: Lineage;
}

/** The log as the relay knows it: it holds everything that is marked as published, or is made to. */
export class RelayLog {
  readonly #options: RelayLogOptions;
  readonly #generations: LogGenerationStore;
  #log: VerifiedLog | undefined;
  /** The highest position of a log when it was last read or appended to. */
  #reached = { incarnation: '', last: 0n };

  constructor(options: RelayLogOptions) {
    this.#options = options;
    this.#generations = new LogGenerationStore(options.db);
  }

  /** Makes the relay look up the log again. */
  invalidate(): void {
    this.#log = undefined;
  }

  /**
   * Stores in the database how far the known log may reach once this many records are appended. A client that has seen a higher
   * position received events that the database does not know: the database was restored to an earlier state.
   */
  async announce(records: number): Promise<void> {
    if (!this.#options.log.isOutsideDatabase) return;
    const { incarnation: generationId, last } = this.#reached;
    if (!(await this.#generations.announce(generationId, last + BigInt(records))))
      throw new LogGenerationError('another relay has moved to another log');
  }

  /** The known log was appended to up to this position. */
  advanceTo(last: bigint): void {
    if (last > this.#reached.last) this.#reached = { ...this.#reached, last };
  }

  /** Everything of earlier generations is in the known log. */
  async endReplay(): Promise<void> {
    if (!this.#log) return;
    const { writer, lineage } = this.#log;
    const { last } = await writer.bounds();
    await this.#saveLineage(writer, { ...lineage, replayed: last });
  }

  /** A log that holds everything that is marked as published; undefined when it must be looked up again. */
  async verifiedLog(): Promise<VerifiedLog | undefined> {
    const verified = this.#log;
    if (verified) {
      const { generationId, last, lineage = verified.lineage } = await verified.writer.bounds();
      if (last >= this.#reached.last) {
        this.#reached = { incarnation: generationId, last };
        this.#log = { writer: verified.writer, lineage };
        return this.#log;
      }
    }
    this.#log = undefined;
    await this.#verify(verified?.writer ?? (await this.#options.log.writer()));
    return this.#log;
  }

  /** Accepts the log if it holds everything that is marked as published, and repairs it if it does not. */
  async #verify(writer: LogWriter): Promise<void> {
    const { logger } = this.#options;
    const { generationId } = writer;
    for (let check = 1; ; check++) {
      // before the bounds: the log grows, so records that another leader appends and marks meanwhile cannot look like a loss
      const state = await this.#generations.state();
      await failpoint('relay.before-compare');
      const { last, lineage } = await writer.bounds();
      if (state?.generationId === generationId && last >= this.#minLastPosition(state)) {
        this.#reached = { incarnation: generationId, last };
        if (lineage) this.#log = { writer, lineage };
        else await this.#saveLineage(writer, lineageOf(state.generations, state.forgotten));
        return;
      }
      if (state?.generationId !== generationId && !(state && isReplaced(generationId, state))) {
        if (state)
          logger.warn(
            { event: 'event_log_recreated' },
            'the event log is new: all retained events are published again',
          );
        await this.#generations.switchTo(generationId, state, (lineageBefore) => writer.saveLineage(lineageBefore));
        return;
      }
      if (check < MAX_CHECKS) continue;
      logger.warn(
        { event: 'log_restored', last, known: state?.last },
        'the event log lost its newest events: it is recreated',
      );
      return writer.recreate();
    }
  }

  /** The lowest position that the log must have: the marked one, or what this process has appended itself. */
  #minLastPosition({ generationId, last }: RelayState): bigint {
    const own = this.#reached.incarnation === generationId ? this.#reached.last : 0n;
    return own > last ? own : last;
  }

  async #saveLineage(writer: LogWriter, lineage: Lineage): Promise<void> {
    await writer.saveLineage(lineage);
    await this.#generations.saveReplayed(lineage);
    this.#log = { writer, lineage };
  }
}
