import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  HeartbeatSchema,
  ResyncSchema,
  type WatchEventsResponse,
  WatchEventsResponseSchema,
} from '../../../gen/autosession/event/v1/event_service_pb.js';
import type { Database } from '../../lib/db/database.ts';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import type { LogBounds } from '../../lib/messaging/bus/event-log.ts';
import type { ServiceClients } from '../../lib/rpc/service-clients.ts';
import type { StreamSink } from '../../lib/rpc/stream-sink.ts';
import type { Clock } from '../../lib/runtime/clock.ts';
import { type Cursor, decodeCursor, encodeCursor } from './cursor.ts';
import { Deduplicator, sequenceKey } from './deduplicator.ts';
import type { EventBroker, EventPage } from './event-broker.ts';
import type { EventFilter } from './event-filter.ts';
import { advanceCursor, cursorAtEnd, resolveCursor, wasSeen } from './resolve-cursor.ts';
import { sessionSnapshot } from './session-snapshot.ts';
import { responseOf, type StreamEvent } from './stream-event.ts';
import type { EventBatch } from './subscribers.ts';

const PAGE_SIZE = 256;
/** So many events are pushed before it is asked again whether the client has room. */
const MAX_PUSH_BATCH = 32;
const DEFAULT_TIMINGS: StreamTimings = { heartbeatMs: 15_000, undecidedMs: 10_000 };

export interface StreamTimings {
  /** After this long without a word, a heartbeat. */
  readonly heartbeatMs: number;
  /** How long a log may be shorter or older than the cursor before the missing events count as lost. */
  readonly undecidedMs: number;
}

export interface SubscriptionOptions {
  readonly broker: EventBroker;
  readonly db: Pick<Database, 'confirmReads'>;
  readonly clients: ServiceClients;
  readonly clock: Clock;
  readonly filter: EventFilter;
  /** The one session that is watched; undefined for a wider stream. */
  readonly sessionId: string | undefined;
  /** Fires when the client is gone. */
  readonly disconnected: AbortSignal;
  /** Fires when the process stops. */
  readonly stopping: AbortSignal;
  /** The short way to the client; all is pulled when absent. */
  readonly sink?: StreamSink;
  readonly timings?: StreamTimings;
}

/**
 * One stream: a cursor that moves along the log, through the hub's memory where that covers it and the log itself where it
 * does not. Since there is one cursor, live events and replayed ones cannot overlap or leave a gap. While a stream waits at
 * the end, its events are not pulled by its client but pushed to it as they come, as long as it has room for them.
 */
export class Subscription {
  readonly #options: SubscriptionOptions;
  readonly #timings: StreamTimings;
  readonly #stopped: AbortSignal;
  readonly #deduplicator = new Deduplicator();
  #cursor: Cursor = { generationId: '', position: 0n };
  /** Whether it has caught up once: if it then falls out of the hub's memory, its client reads too slowly. */
  #isLive = false;
  #lastSentAt = 0;
  /** Since when the log has been shorter, or older, than the cursor. */
  #undecidedSince: number | undefined;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.#timings = options.timings ?? DEFAULT_TIMINGS;
    this.#stopped = AbortSignal.any([options.disconnected, options.stopping]);
  }

  /** The responses, from now or from a cursor. Ends when the client is gone; throws SERVICE_UNAVAILABLE at the stop. */
  async *responses(cursor: string): AsyncGenerator<WatchEventsResponse> {
    yield await this.#open(cursor);
    while (!this.#stopped.aborted) {
      const page = await this.#nextPage();
      if (page) yield* this.#unpushed(page);
      else yield await this.#resync(await this.#options.broker.bounds());
      if (this.#idleMs() >= this.#timings.heartbeatMs) yield this.#heartbeat();
      await this.#options.broker.wait(this.#cursor, Math.max(0, this.#maxWaitMs()), this.#stopped, this.#onBatch);
    }
    if (!this.#options.disconnected.aborted)
      throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'the server stops; go on from the last cursor');
  }

  /** Takes the stream's first place. What is told after this response was received comes behind it. */
  async #open(text: string): Promise<WatchEventsResponse> {
    const requested = text ? decodeCursor(text) : undefined;
    const bounds = await this.#options.broker.bounds();
    this.#cursor = requested ?? cursorAtEnd(bounds);
    return (await this.#resume(bounds)) ? this.#heartbeat() : this.#resync(bounds);
  }

  /** Moves the cursor to where the current log continues, if that is decided. False when events after the cursor are lost. */
  async #resume(bounds: LogBounds): Promise<boolean> {
    const resolved = resolveCursor(bounds, this.#cursor);
    if (resolved === 'lost') return false;
    if (resolved === 'undecided') return !bounds.lineage || this.#awaitsDecision();
    this.#undecidedSince = undefined;
    if (resolved.generationId !== this.#cursor.generationId) this.#isLive = false;
    this.#cursor = await this.#options.broker.skipSeen(resolved, bounds);
    return true;
  }

  #awaitsDecision(): boolean {
    if (!this.#options.broker.recreatesLog) return false;
    this.#undecidedSince ??= performance.now();
    return performance.now() < this.#undecidedSince + this.#timings.undecidedMs;
  }

  /** What comes next; undefined when it is not known any more. */
  async #nextPage(): Promise<EventPage | undefined> {
    const { broker } = this.#options;
    const recent = broker.readCached(this.#cursor, PAGE_SIZE);
    if (recent) {
      this.#isLive = true;
      return recent;
    }
    if (!(await this.#resume(await broker.bounds()))) return undefined;
    const stored = await broker.readStored(this.#cursor, PAGE_SIZE);
    if (stored?.events.length === PAGE_SIZE && this.#isLive)
      throw appError(ErrorReason.RATE_LIMITED, 'the stream was read too slowly; go on from its last cursor');
    // empty if the log changed meanwhile, or if the relay has not examined it yet
    return stored ?? { events: [], upTo: this.#cursor.position };
  }

  /**
   * Yielded responses are encoded for this stream alone: as long as its client has room, events are pushed instead, in bytes
   * that streams share.
   */
  *#unpushed({ events, upTo }: EventPage): Generator<WatchEventsResponse> {
    let pushedTo = 0;
    for (const [index, candidate] of events.entries()) {
      if (index < pushedTo) continue;
      if (this.#options.sink?.writable && this.#push(events.slice(index, index + MAX_PUSH_BATCH))) {
        pushedTo = index + MAX_PUSH_BATCH;
        continue;
      }
      const seen = wasSeen(this.#cursor, candidate.order);
      this.#cursor = advanceCursor(this.#cursor, candidate);
      if (seen || !this.#options.filter(candidate) || !this.#isNew(candidate)) continue;
      this.#lastSentAt = performance.now();
      yield responseOf(candidate, this.#cursor);
    }
    this.#advance(events, upTo);
  }

  #advance(events: readonly StreamEvent[], upTo: bigint): void {
    const last = events.at(-1);
    this.#cursor = { ...(last ? advanceCursor(this.#cursor, last) : this.#cursor), position: upTo };
  }

  #isNew({ sequence, event }: StreamEvent): boolean {
    return !this.#deduplicator.isDuplicate(sequence, event.sourceSeq);
  }

  /** Pushes what has come, if it goes on where this stream is; false when the rest is to be pulled. */
  readonly #onBatch = ({ generationId, after, events, upTo }: EventBatch): boolean => {
    if (generationId !== this.#cursor.generationId || this.#cursor.position < after) return false;
    this.#isLive = true;
    for (let from = 0; from < events.length; from += MAX_PUSH_BATCH)
      if (!this.#push(events.slice(from, from + MAX_PUSH_BATCH))) return false;
    if (upTo > this.#cursor.position) this.#advance(events, upTo);
    return true;
  };

  #push(events: readonly StreamEvent[]): boolean {
    const { sink, filter } = this.#options;
    let cursor = this.#cursor;
    const responses: WatchEventsResponse[] = [];
    for (const candidate of events) {
      if (candidate.position <= cursor.position || wasSeen(cursor, candidate.order) || !filter(candidate)) continue;
      if (responses.length === 0 && !sink?.writable) return false;
      cursor = advanceCursor(cursor, candidate);
      if (this.#isNew(candidate)) responses.push(responseOf(candidate, cursor));
    }
    this.#cursor = cursor;
    if (responses.length === 0) return true;
    this.#lastSentAt = performance.now();
    sink?.send(WatchEventsResponseSchema, responses);
    return true;
  }

  /**
   * Goes to the log's end. The end is taken before the snapshot, so everything behind it that the snapshot does not reflect
   * is still to come, and what it does reflect is known by its number.
   */
  async #resync(bounds: LogBounds): Promise<WatchEventsResponse> {
    const { db, clients, sessionId } = this.#options;
    this.#cursor = cursorAtEnd(bounds);
    this.#isLive = false;
    this.#undecidedSince = undefined;
    if (sessionId === undefined) return this.#response({ case: 'resync', value: create(ResyncSchema) });
    const snapshot = await sessionSnapshot(clients, sessionId);
    // a number that vanishes with the database comes again, with another event, which would be left out
    await db.confirmReads();
    for (const { source, sourceSeq } of snapshot.heads)
      this.#deduplicator.markSeen(sequenceKey({ source, sessionId }), sourceSeq);
    return this.#response({ case: 'resync', value: snapshot });
  }

  #heartbeat(): WatchEventsResponse {
    const time = timestampFromMs(this.#options.clock.now());
    return this.#response({ case: 'heartbeat', value: create(HeartbeatSchema, { time }) });
  }

  #response(kind: WatchEventsResponse['kind']): WatchEventsResponse {
    this.#lastSentAt = performance.now();
    return create(WatchEventsResponseSchema, { cursor: encodeCursor(this.#cursor), kind });
  }

  /** How long the stream may rest unless an event arrives. */
  #maxWaitMs(): number {
    const heartbeat = this.#timings.heartbeatMs - this.#idleMs();
    if (this.#undecidedSince === undefined) return heartbeat;
    return Math.min(heartbeat, this.#undecidedSince + this.#timings.undecidedMs - performance.now());
  }

  #idleMs(): number {
    return performance.now() - this.#lastSentAt;
  }
}
