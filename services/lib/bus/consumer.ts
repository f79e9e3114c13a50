import { backoff, pause } from '../bell.ts';
import type { Clock } from '../clock.ts';
import type { Database } from '../db/database.ts';
import { failpoint } from '../failpoints.ts';
import type { Logger } from '../log.ts';
import { startLeaderLoop } from '../loop.ts';
import { type Metrics, showZero } from '../metrics.ts';
import { handleBatch } from './consumer-batch.ts';
import { parkedUntil, replayDue } from './consumer-replay.ts';
import { ConsumerStore, type Offset } from './consumer-store.ts';
import { Deliverer, type Handlers } from './deliver.ts';
import { type EventLog, LogChanged, type LoggedEvent } from './event-log.ts';
import { TailReader } from './tail-reader.ts';

export { busMigrations } from './migrations.ts';

export interface ConsumerOptions {
  /** Of the module; its offset, its progress and its lock go by it. */
  readonly name: string;
  readonly handlers: Handlers;
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

const BEFORE_LEADING_MS = 1_000;
/** How long a round waits for a batch; between rounds the lock is checked and parked events are tried. */
const ROUND_MS = 500;
/** How often a stop checks the progress. */
const DRAIN_CHECK_MS = 10;
/** Between two batches: under load one commit then covers many events. Whoever waits for an answer waits for no consumer. */
const PACE_MS = 50;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;
const OUTCOMES = ['done', 'skipped', 'repeated', 'parked', 'retried', 'gap'];

/**
 * Runs the handlers on the log's events: every event at least once, one session's in order, in one process of the
 * installation at a time. What has been handled is saved per batch, so a crash repeats at most a batch.
 */
export function startConsumer(options: ConsumerOptions): Consumer {
  showZero(
    options.metrics.consumed,
    OUTCOMES.map((outcome) => ({ consumer: options.name, outcome })),
  );
  const rounds = new ConsumerRounds(options);
  const loop = startLeaderLoop(options.db, `consumer:${options.name}`, {
    name: `consumer ${options.name}`,
    everyMs: BEFORE_LEADING_MS,
    logger: options.logger,
    run: (signal) => rounds.run(signal),
  });
  return {
    async drain(signal) {
      const { last } = await options.log.bounds();
      const isBehind = () => loop.leads && !rounds.failing && !rounds.reached(last);
      while (!signal.aborted && isBehind()) await pause(DRAIN_CHECK_MS, signal);
    },
    [Symbol.asyncDispose]: async () => {
      await loop[Symbol.asyncDispose]();
      await rounds.close();
    },
  };
}

class ConsumerRounds {
  readonly #options: ConsumerOptions;
  readonly #store: ConsumerStore;
  readonly #deliverer: Deliverer;
  #reading: { tail: TailReader; at: Offset } | undefined;
  #failures = 0;
  #giveUp: AbortSignal | undefined;
  /** By performance.now(). */
  #replayedAt = Number.NEGATIVE_INFINITY;
  #handledAt = Number.NEGATIVE_INFINITY;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#store = new ConsumerStore(options.db, options.clock, options.name);
    this.#deliverer = new Deliverer(options.name, options.handlers);
  }

  /** Whether its last round failed. */
  get failing(): boolean {
    return this.#failures > 0;
  }

  /** Whether it has handled the log up to this position. */
  reached(position: bigint): boolean {
    return this.#reading !== undefined && this.#reading.at.position >= position;
  }

  /** Tries what is parked and due, then handles the next batch, if one comes soon. */
  async run(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#replay(signal);
      this.#reading ??= await this.#open();
      await pause(this.#handledAt + PACE_MS - performance.now(), signal);
      const batch = await this.#reading.tail.next(ROUND_MS, signal);
      if (batch) {
        await this.#handle(this.#reading.at, batch, signal);
        this.#handledAt = performance.now();
      }
      this.#failures = 0;
      return true;
    } catch (error) {
      await this.close();
      this.#failures += 1;
      await pause(backoff(this.#failures, FIRST_PAUSE_MS, LONGEST_PAUSE_MS), signal);
      throw error;
    }
  }

  async close(): Promise<void> {
    const reading = this.#reading;
    this.#reading = undefined;
    await reading?.tail[Symbol.asyncDispose]();
  }

  async #replay(signal: AbortSignal): Promise<void> {
    if (performance.now() - this.#replayedAt < ROUND_MS) return;
    await replayDue({ ...this.#options, store: this.#store, deliverer: this.#deliverer }, signal);
    this.#replayedAt = performance.now();
  }

  /** Goes on where the consumer was, or from the log's beginning when the log is another one or has gone on without it. */
  async #open(): Promise<{ tail: TailReader; at: Offset }> {
    const { log, logger, name } = this.#options;
    const { incarnation, before, last } = await log.bounds();
    const saved = await this.#store.offset();
    const reaches = saved?.incarnation === incarnation && saved.position >= before && saved.position <= last;
    const at = reaches ? saved : { incarnation, position: before };
    if (!reaches) {
      await this.#store.moveTo(at);
      const position = saved && `${saved.incarnation} ${saved.position}`;
      const line = { event: 'consumer_from_start', consumer: name, position };
      // on a new installation there is nothing to wonder about
      logger[saved ? 'info' : 'debug'](line, `${name} reads the log from its start`);
    }
    return { at, tail: new TailReader(log, at.position, at.incarnation) };
  }

  async #handle(at: Offset, batch: readonly LoggedEvent[], signal: AbortSignal): Promise<void> {
    const { name, clock, stopping } = this.#options;
    const begunAt = performance.now();
    const known = await this.#store.known(batch);
    // a batch that waited while another process led is not handled any more
    if (known.at?.incarnation !== at.incarnation || known.at.position !== at.position) throw this.#elsewhere();
    const deps = { ...this.#options, deliverer: this.#deliverer, retryAt: () => parkedUntil(clock, 1) };
    this.#giveUp ??= stopping ? AbortSignal.any([signal, stopping]) : signal;
    const signals = { signal, giveUp: this.#giveUp };
    const { handled, parked, complete } = await handleBatch(deps, batch, known, signals);
    const to = complete ? (batch.at(-1)?.position ?? at.position) : at.position;
    await failpoint(`consumer.before-ack:${name}`);
    if (!(await this.#store.save({ begunAt, from: at, to, handled, parked }))) throw this.#elsewhere();
    if (!complete && !signal.aborted) throw new Error(`${name} leaves a failed event for the next start`);
    if (this.#reading) this.#reading.at = { ...at, position: to };
  }

  #elsewhere(): Error {
    return new LogChanged(`another process has moved the consumer ${this.#options.name}`);
  }
}
