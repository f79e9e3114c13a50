import { AsyncLocalStorage } from 'node:async_hooks';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import type { EventLog, LogBounds, LoggedEvent } from '../../lib/messaging/bus/event-log.ts';
import { RingBuffer, type RingBufferLimits } from '../../lib/messaging/bus/log-reader/ring-buffer.ts';
import type { Logger } from '../../lib/observability/logger.ts';
import { exponentialBackoff } from '../../lib/runtime/backoff.ts';
import { failureLogLevel } from '../../lib/runtime/loop-failure-log.ts';
import { sleep } from '../../lib/runtime/sleep.ts';
import type { Cursor } from './cursor.ts';
import { ReplayedPart } from './replayed-part.ts';
import { type LogIdentity, type StreamEvent, toStreamEvent } from './stream-event.ts';
import { type BatchListener, type EventBatch, Subscribers } from './subscribers.ts';

const RING_LIMITS: RingBufferLimits = { maxEvents: 10_000, maxBytes: 32 * 1024 * 1024 };
const MIN_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 5_000;
/** How long a stream waits at most while the broker still follows another generation of the log. */
const ALIGN_TIMEOUT_MS = 250;

/** A range of the log. */
export interface EventPage {
  readonly events: readonly StreamEvent[];
  /** The position up to which the page is complete; it may be after the last of `events`. */
  readonly upTo: bigint;
}

/** The newest part of the log, in memory. */
interface LogTail {
  readonly generationId: string;
  /** The number of the log's generation; undefined until it is known. */
  generationNumber?: number;
  readonly ring: RingBuffer<StreamEvent>;
}

export interface EventBrokerOptions {
  readonly log: EventLog;
  readonly logger: Logger;
  readonly limits?: RingBufferLimits;
}

/**
 * The only reader of the log's tail in a process. Streams read from its ring buffer by their cursors, so a slow stream needs no
 * buffer of its own. It starts with the first stream, and retries by itself when the log is unreachable.
 */
export class EventBroker implements AsyncDisposable {
  readonly #log: EventLog;
  readonly #logger: Logger;
  readonly #limits: RingBufferLimits;
  readonly #stop = new AbortController();
  readonly #subscribers = new Subscribers();
  /** The broker outlives the request that starts it. */
  readonly #runDetached = AsyncLocalStorage.snapshot();
  #loop: Promise<void> | undefined;
  #tail: LogTail | undefined;
  #replayed: ReplayedPart | undefined;

  constructor({ log, logger, limits = RING_LIMITS }: EventBrokerOptions) {
    this.#log = log;
    this.#logger = logger;
    this.#limits = limits;
  }

  /** Starts to follow the log, unless it already does. */
  start(): void {
    this.#loop ??= this.#runDetached(() => this.#follow());
  }

  /** Whether a log that became shorter is recreated: true for a log that can be restored separately from the database. */
  get recreatesLog(): boolean {
    return this.#log.isOutsideDatabase;
  }

  /** The current bounds of the log. Throws SERVICE_UNAVAILABLE. */
  bounds(): Promise<LogBounds> {
    return orUnavailable(() => this.#log.bounds());
  }

  /** The events after the cursor, from memory; undefined unless memory reaches back to the cursor. */
  readCached({ generationId, position }: Cursor, limit: number): EventPage | undefined {
    const tail = this.#tail;
    if (tail?.generationId !== generationId || !tail.ring.covers(position)) return undefined;
    const events = tail.ring.after(position, limit);
    return { events, upTo: events.length < limit ? tail.ring.head : (events.at(-1)?.position ?? position) };
  }

  /** The events after the cursor, from the log; undefined if the log does not reach back to it. Throws SERVICE_UNAVAILABLE. */
  async readStored(cursor: Cursor, limit: number): Promise<EventPage | undefined> {
    const bounds = await this.bounds();
    if (!coversCursor(bounds, cursor)) return undefined;
    const records = await orUnavailable(() => this.#log.read(cursor.position, limit));
    if (!coversCursor(await this.bounds(), cursor)) return undefined;
    const last = records.at(-1)?.position ?? cursor.position;
    const upTo = records.length < limit && bounds.last > last ? bounds.last : last;
    return {
      events: this.#decode(records, { generationId: bounds.generationId, generationNumber: bounds.lineage?.number }),
      upTo,
    };
  }

  /** The cursor after the events of the replayed part that its client has already seen. Throws SERVICE_UNAVAILABLE. */
  async skipSeen(cursor: Cursor, { before }: LogBounds): Promise<Cursor> {
    const { generationId, seen } = cursor;
    if (seen === undefined) return cursor;
    if (this.#replayed?.generationId !== generationId)
      this.#replayed = new ReplayedPart(this.#log, generationId, before);
    const replayed = this.#replayed;
    return orUnavailable(() => replayed.skipSeen({ ...cursor, seen }));
  }

  /**
   * Waits until there are events after the cursor that `listener` does not accept, the log has a new generation, the time is
   * over, or the signal is aborted.
   */
  async wait(cursor: Cursor, ms: number, signal: AbortSignal, listener: BatchListener): Promise<void> {
    if (signal.aborted || !this.#isAtEnd(cursor)) return;
    const timeoutMs = this.#tail?.generationId === cursor.generationId ? ms : Math.min(ms, ALIGN_TIMEOUT_MS);
    await this.#subscribers.wait(timeoutMs, signal, listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#subscribers.wakeAll();
    await this.#loop;
  }

  #isAtEnd({ generationId, position }: Cursor): boolean {
    return this.#tail?.generationId !== generationId || this.#tail.ring.head <= position;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    let failures = 0;
    while (!signal.aborted) {
      try {
        const tail = this.#resumeTail(await this.#log.bounds());
        this.#tail = tail;
        this.#subscribers.wakeAll();
        for await (const records of this.#log.tail(tail.ring.head, signal, tail.generationId)) {
          failures = 0;
          // the relay wrote the lineage before it appended these
          tail.generationNumber ??= (await this.#log.bounds()).lineage?.number;
          this.#publish(tail, records);
        }
      } catch (error) {
        if (!signal.aborted)
          this.#logger[failureLogLevel(error)](
            { event: 'event_log_lost', err: error },
            'reading the event log failed; retrying',
          );
      }
      failures += 1;
      await sleep(exponentialBackoff(failures, MIN_BACKOFF_MS, MAX_BACKOFF_MS), signal);
    }
  }

  /** The tail to continue with: the current one if the log still reaches back to it, else a new one at the log's end. */
  #resumeTail(bounds: LogBounds): LogTail {
    const { generationId, last, lineage } = bounds;
    if (this.#tail && coversCursor(bounds, { generationId: this.#tail.generationId, position: this.#tail.ring.head }))
      return this.#tail;
    return {
      generationId,
      generationNumber: lineage?.number,
      ring: new RingBuffer(last, this.#limits, ({ bytes }) => bytes),
    };
  }

  #publish({ generationId, generationNumber, ring }: LogTail, records: readonly LoggedEvent[]): void {
    const newRecords = records.filter(({ position }) => position > ring.head);
    const last = newRecords.at(-1);
    if (!last) return;
    const batch: EventBatch = {
      generationId,
      after: ring.head,
      events: this.#decode(newRecords, { generationId, generationNumber }),
      upTo: last.position,
    };
    ring.add(batch.events, batch.upTo);
    this.#subscribers.publish(batch);
  }

  #decode(records: readonly LoggedEvent[], log: LogIdentity): StreamEvent[] {
    return records.flatMap((record) => {
      try {
        return [toStreamEvent(record, log)];
      } catch (error) {
        this.#logger.error(
          { event: 'event_unreadable', event_id: record.eventId, err: error },
          'an event cannot be decoded and is skipped',
        );
        return [];
      }
    });
  }
}

/** Whether the log contains all events after the cursor. */
export function coversCursor(bounds: LogBounds, { generationId, position }: Cursor): boolean {
  return bounds.generationId === generationId && position >= bounds.before && position <= bounds.last;
}

async function orUnavailable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'the event log cannot be reached', {}, error);
  }
}
