import type { Database } from '../../db/database.ts';
import type { Logger } from '../../observability/logger.ts';
import type { Metrics } from '../../observability/metrics.ts';
import { exponentialBackoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { failpoint } from '../../runtime/failpoints.ts';
import { type LeaderLoop, startLeaderLoop } from '../../runtime/loop.ts';
import { runInBackgroundContext, systemContext } from '../../runtime/request-context.ts';
import { sleep } from '../../runtime/sleep.ts';
import { AppendError, type AppendResult, type EventLog, LogGenerationError, type LogRecord } from '../bus/event-log.ts';
import { measureOutbox } from './measure-outbox.ts';
import type { Outbox } from './outbox.ts';
import type { OutboxRow } from './outbox-tables.ts';
import { RelayLog, type VerifiedLog } from './relay-log.ts';
import { type PublishOutcome, RelayStore } from './relay-store.ts';

const BATCH_SIZE = 500;
const POLL_INTERVAL_MS = 500;
/** The pause between two rounds without a notification. */
const LEADER_TIMEOUT_MS = 3 * POLL_INTERVAL_MS;
/** The minimum between the starts of two rounds: under load one mark then covers many events. The first after a pause starts at once. */
const MIN_ROUND_INTERVAL_MS = 10;
/** How often a stop checks the progress. */
const DRAIN_CHECK_MS = 10;
/** After an outage of the log, and after a refused record. */
const MIN_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 5_000;
const MIN_RETRY_MS = 1_000;
const MAX_RETRY_MS = 300_000;

export interface RelayOptions {
  readonly db: Database;
  readonly log: EventLog;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Publishes the outbox to the log; disposing it waits for the batch that is under way. */
export interface Relay extends AsyncDisposable {
  /** Starts it. It works in one process of the installation at a time. */
  start(): void;
  /** Starts a round now. */
  trigger(): void;
  /**
   * Waits until everything that is in the outbox now is published, except what the log refuses. Returns early when another
   * process leads, when the log or the database fails, and when the signal aborts.
   */
  drain(signal: AbortSignal): Promise<void>;
}

/**
 * The relay: publishes outbox rows and marks them, in this order, so that a crash between the two publishes them again.
 *
 * Consumers drop what is numbered below what they have seen, so an event that overtook another one of its session would
 * make that one lost. Therefore a row is sent only when every earlier row of its session is durable in this very log: the
 * writer sends one of a session at a time, `waiting` leaves out what is behind a parked row, and marks count only for the
 * log that they were made for. Two relays that overlap both keep to this, so together they can repeat, but not overtake.
 */
export function createRelay(options: RelayOptions): Relay {
  const runner = new RelayRunner(options);
  let loop: LeaderLoop | undefined;
  let hooks: Disposable[] | undefined;
  const trigger = () => loop?.trigger();
  const onCommit = () => (runner.isLeading ? trigger() : options.log.notify());
  return {
    trigger,
    start() {
      measureOutbox(options);
      loop ??= startLeaderLoop(options.db, 'relay', {
        name: 'relay',
        intervalMs: POLL_INTERVAL_MS,
        logger: options.logger,
        run: (signal) => runner.run(signal),
      });
      hooks ??= [options.outbox.onCommit(onCommit), options.log.onNotify(() => runner.isLeading && trigger())];
    },
    async drain(signal) {
      const last = await runner.lastPosition();
      while (!signal.aborted && loop?.isLeader && !runner.isFailing && (await runner.hasUnpublished(last))) {
        trigger();
        await sleep(DRAIN_CHECK_MS, signal);
      }
    },
    async [Symbol.asyncDispose]() {
      for (const hook of hooks ?? []) hook[Symbol.dispose]();
      await loop?.[Symbol.asyncDispose]();
    },
  };
}

class RelayRunner {
  readonly #options: RelayOptions;
  readonly #store: RelayStore;
  readonly #log: RelayLog;
  #failures = 0;
  #ranAt = Number.NEGATIVE_INFINITY;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#store = new RelayStore(options.db, options.clock);
    this.#log = new RelayLog(options);
  }

  /** Whether it is this process that publishes, as far as known. */
  get isLeading(): boolean {
    return performance.now() - this.#ranAt < LEADER_TIMEOUT_MS;
  }

  /** Whether its last round failed. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** The position of the last row of the outbox. */
  lastPosition(): Promise<number> {
    return this.#store.lastPosition();
  }

  /** Whether a row up to this position waits to be published. */
  async hasUnpublished(last: number): Promise<boolean> {
    const [oldest] = await this.#store.unpublished(1, MAX_RETRY_MS);
    return oldest !== undefined && oldest.position <= last;
  }

  /** Publishes a batch. True when there may be more. */
  async run(signal: AbortSignal): Promise<boolean> {
    await sleep(this.#ranAt + MIN_ROUND_INTERVAL_MS - performance.now(), signal);
    this.#ranAt = performance.now();
    try {
      const more = await runInBackgroundContext(systemContext('', 'relay'), () => this.#publish());
      this.#failures = 0;
      return more;
    } catch (error) {
      this.#log.invalidate();
      this.#failures += 1;
      await sleep(exponentialBackoff(this.#failures, MIN_BACKOFF_MS, MAX_BACKOFF_MS), signal);
      throw error;
    }
  }

  async #publish(): Promise<boolean> {
    const log = await this.#log.verifiedLog();
    if (!log) return true;
    const replaying = log.lineage.replayed === undefined;
    const rows = await (replaying
      ? this.#store.unpublishedReplay(BATCH_SIZE, MAX_RETRY_MS)
      : this.#store.unpublished(BATCH_SIZE, MAX_RETRY_MS));
    if (rows.length === 0 && replaying) await this.#endReplay();
    if (rows.length === 0) return replaying;
    await this.#log.announce(rows.length);
    // a visible commit can still be lost with the database; the announcement is a later commit, and proves that it is on disk
    await this.#options.db.confirmReads();
    await failpoint('relay.before-publish');
    const results = await log.writer.append(rows.map(recordOf));
    await failpoint('relay.after-publish');
    const outcome = this.#outcomeOf(log, rows, results);
    this.#log.advanceTo(outcome.last);
    const isRecorded = await this.#store.recordOutcome(outcome);
    await failpoint('relay.after-mark');
    this.#report(outcome);
    const lost = results.find((result) => result instanceof AppendError && result.reason === 'lost');
    if (lost) throw lost;
    if (!isRecorded) throw new LogGenerationError('another relay has moved to another log');
    const progress = outcome.published.length + outcome.refused.length > 0;
    return progress && (replaying || rows.length === BATCH_SIZE);
  }

  /** Everything of earlier generations is in the log: new rows follow. */
  async #endReplay(): Promise<void> {
    await this.#store.endReplay();
    await failpoint('new-log.after-replay');
    await this.#log.endReplay();
  }

  #outcomeOf(
    { writer, lineage }: VerifiedLog,
    rows: readonly OutboxRow[],
    results: readonly AppendResult[],
  ): PublishOutcome {
    const published: { row: OutboxRow; position: bigint }[] = [];
    const refused: { row: OutboxRow; retryAt: number; error: string }[] = [];
    let last = 0n;
    rows.forEach((row, index) => {
      const result = results[index];
      if (typeof result === 'bigint') {
        published.push({ row, position: result });
        if (result > last) last = result;
      } else if (result?.reason === 'refused') {
        const retryAt = this.#options.clock.now() + exponentialBackoff(row.attempts + 1, MIN_RETRY_MS, MAX_RETRY_MS);
        refused.push({ row, retryAt, error: result.message });
      }
    });
    return { generationId: writer.generationId, generationNumber: lineage.number, last, published, refused };
  }

  #report({ published, refused }: PublishOutcome): void {
    const { logger, metrics } = this.#options;
    for (const { row } of published) metrics.published.inc({ source: row.source });
    for (const { row, error } of refused)
      logger.error(
        {
          event: 'event_refused',
          event_id: row.event_id,
          session_id: row.session_id,
          attempts: row.attempts + 1,
          error,
        },
        'the log refused an event; its session waits behind it',
      );
  }
}

function recordOf(row: OutboxRow): LogRecord {
  return {
    eventId: row.event_id,
    tenant: row.tenant,
    source: row.source,
    sessionId: row.session_id,
    sourceSeq: row.source_seq,
    type: row.type,
    payload: row.payload,
    ...(row.log_order !== null && { order: BigInt(row.log_order) }),
  };
}
