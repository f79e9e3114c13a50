import type { Database } from '../../../db/database.ts';
import type { Logger } from '../../../observability/logger.ts';
import { initializeCounter, type Metrics } from '../../../observability/metrics.ts';
import { exponentialBackoff } from '../../../runtime/backoff.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { failpoint } from '../../../runtime/failpoints.ts';
import { startLeaderLoop } from '../../../runtime/loop.ts';
import { sleep } from '../../../runtime/sleep.ts';
import { type EventLog, LogGenerationError, type LoggedEvent } from '../event-log.ts';
import { TimedLogReader } from '../log-reader/timed-log-reader.ts';
import { type ConsumerOffset, ConsumerStore } from './consumer-store.ts';
import { EventDispatcher, type EventHandlers } from './event-dispatcher.ts';
import { handleBatch } from './handle-batch.ts';
import { nextRetryAt, retryParked } from './retry-parked.ts';

export { busMigrations } from '../bus-migrations.ts';

export interface ConsumerOptions {
  /** The name of the module; it identifies the position, the progress and the lock. */
  readonly name: string;
  readonly handlers: EventHandlers;
  readonly db: Database;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /**
   * Aborts when the process begins to stop: other services may have stopped, so an event that fails then is left for the next
   * start.
   */
  readonly stopping?: AbortSignal;
}

/** A running consumer; disposing it waits for the running handlers. */
export interface Consumer extends AsyncDisposable {
  /**
   * Waits until it has handled everything that the log holds now. Returns early when another process leads, when an event or
   * the log fails, and when the signal aborts.
   */
  drain(signal: AbortSignal): Promise<void>;
}

const LEADER_POLL_MS = 1_000;
/** How long a round waits for a batch; between rounds the lock is checked and parked events are tried. */
const BATCH_WAIT_MS = 500;
/** How often a stop checks the progress. */
const DRAIN_CHECK_MS = 10;
/** Between two batches: under load one commit then covers many events. No answer to a caller depends on a consumer. */
const MIN_BATCH_INTERVAL_MS = 50;
const MIN_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 5_000;
const OUTCOMES = ['done', 'skipped', 'repeated', 'parked', 'retried', 'gap'];

/**
 * Runs the handlers on the log's events: every event at least once, one session's in order, in one process of the
 * installation at a time. What has been handled is saved per batch, so a crash repeats at most a batch.
 */
export function startConsumer(options: ConsumerOptions): Consumer {
  initializeCounter(
    options.metrics.consumed,
    OUTCOMES.map((outcome) => ({ consumer: options.name, outcome })),
  );
  const runner = new ConsumerRunner(options);
  const loop = startLeaderLoop(options.db, `consumer:${options.name}`, {
    name: `consumer ${options.name}`,
    intervalMs: LEADER_POLL_MS,
    logger: options.logger,
    run: (signal) => runner.run(signal),
  });
  return {
    async drain(signal) {
      const { last } = await options.log.bounds();
      const isBehind = () => loop.isLeader && !runner.isFailing && !runner.hasReached(last);
      while (!signal.aborted && isBehind()) await sleep(DRAIN_CHECK_MS, signal);
    },
    [Symbol.asyncDispose]: async () => {
      await loop[Symbol.asyncDispose]();
      await runner.close();
    },
  };
}

class ConsumerRunner {
  readonly #options: ConsumerOptions;
  readonly #store: ConsumerStore;
  readonly #dispatcher: EventDispatcher;
  #reader: { tail: TimedLogReader; at: ConsumerOffset } | undefined;
  #failures = 0;
  #stopRetrying: AbortSignal | undefined;
  /** By performance.now(). */
  #retriedParkedAt = Number.NEGATIVE_INFINITY;
  #handledAt = Number.NEGATIVE_INFINITY;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#store = new ConsumerStore(options.db, options.clock, options.name);
    this.#dispatcher = new EventDispatcher(options.name, options.handlers);
  }

  /** Whether its last round failed. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** Whether it has handled the log up to this position. */
  hasReached(position: bigint): boolean {
    return this.#reader !== undefined && this.#reader.at.position >= position;
  }

  /** Retries parked events that are due, then handles the next batch, if one arrives soon. */
  async run(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#retryParked(signal);
      this.#reader ??= await this.#openReader();
      await sleep(this.#handledAt + MIN_BATCH_INTERVAL_MS - performance.now(), signal);
      const batch = await this.#reader.tail.next(BATCH_WAIT_MS, signal);
      if (batch) {
        await this.#handle(this.#reader.at, batch, signal);
        this.#handledAt = performance.now();
      }
      this.#failures = 0;
      return true;
    } catch (error) {
      await this.close();
      this.#failures += 1;
      await sleep(exponentialBackoff(this.#failures, MIN_BACKOFF_MS, MAX_BACKOFF_MS), signal);
      throw error;
    }
  }

  async close(): Promise<void> {
    const reader = this.#reader;
    this.#reader = undefined;
    await reader?.tail[Symbol.asyncDispose]();
  }

  async #retryParked(signal: AbortSignal): Promise<void> {
    if (performance.now() - this.#retriedParkedAt < BATCH_WAIT_MS) return;
    await retryParked({ ...this.#options, store: this.#store, dispatcher: this.#dispatcher }, signal);
    this.#retriedParkedAt = performance.now();
  }

  /** Continues at the consumer's position, or at the log's beginning when the log has another generation or no longer has it. */
  async #openReader(): Promise<{ tail: TimedLogReader; at: ConsumerOffset }> {
    const { log, logger, name } = this.#options;
    const { generationId, before, last } = await log.bounds();
    const saved = await this.#store.offset();
    const canResume = saved?.generationId === generationId && saved.position >= before && saved.position <= last;
    const at = canResume ? saved : { generationId, position: before };
    if (!canResume) {
      await this.#store.resetTo(at);
      const position = saved && `${saved.generationId} ${saved.position}`;
      const line = { event: 'consumer_from_start', consumer: name, position };
      // on a new installation this is expected
      logger[saved ? 'info' : 'debug'](line, `${name} reads the log from its start`);
    }
    return { at, tail: new TimedLogReader(log, at.position, at.generationId) };
  }

  async #handle(at: ConsumerOffset, batch: readonly LoggedEvent[], signal: AbortSignal): Promise<void> {
    const { name, clock, stopping } = this.#options;
    const begunAt = performance.now();
    const progress = await this.#store.readProgress(batch);
    // a batch that waited while another process led is not handled any more
    if (progress.at?.generationId !== at.generationId || progress.at.position !== at.position)
      throw this.#offsetMovedError();
    const deps = { ...this.#options, dispatcher: this.#dispatcher, retryAt: () => nextRetryAt(clock, 1) };
    this.#stopRetrying ??= stopping ? AbortSignal.any([signal, stopping]) : signal;
    const signals = { signal, stopRetrying: this.#stopRetrying };
    const { handled, parked, complete } = await handleBatch(deps, batch, progress, signals);
    const to = complete ? (batch.at(-1)?.position ?? at.position) : at.position;
    await failpoint(`consumer.before-ack:${name}`);
    if (!(await this.#store.save({ begunAt, from: at, to, handled, parked }))) throw this.#offsetMovedError();
    if (!complete && !signal.aborted) throw new Error(`${name} leaves a failed event for the next start`);
    if (this.#reader) this.#reader.at = { ...at, position: to };
  }

  #offsetMovedError(): Error {
    return new LogGenerationError(`another process has moved the consumer ${this.#options.name}`);
  }
}
