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
/** How many events are pushed before the sink is checked again for room. */
const MAX_PUSH_BATCH = 32;
const DEFAULT_TIMINGS: StreamTimings = { heartbeatMs: 15_000, undecidedMs: 10_000 };

export interface StreamTimings {
  /** The longest time without a response before a heartbeat is sent. */
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
  /** The session that is watched; undefined for a stream over several sessions. */
  readonly sessionId: string | undefined;
  /** Aborted when the client disconnects. */
  readonly disconnected: AbortSignal;
  /** Aborted when the process stops. */
  readonly stopping: AbortSignal;
  /** Pushes events directly to the client's socket; without it the client pulls all of them. */
  readonly sink?: StreamSink;
  readonly timings?: StreamTimings;
}

/**
 * One stream: a cursor that moves along the log. It reads from the broker's memory where that covers the cursor, else from the
 * log. Since there is one cursor, live events and replayed ones cannot overlap or leave a gap. While a stream waits at the end,
 * new events are pushed to its client instead of pulled by it, as long as the socket has room.
 */
export class Subscription {
  readonly #options: SubscriptionOptions;
  readonly #timings: StreamTimings;
  readonly #stopped: AbortSignal;
  readonly #deduplicator = new Deduplicator();
  #cursor: Cursor = { generationId: '', position: 0n };
  /** Whether it has caught up once: if it falls behind the broker's memory after that, its client reads too slowly. */
  #isLive = false;
  #lastSentAt = 0;
  /** Since when the log has been shorter, or older, than the cursor. */
  #undecidedSince: number | undefined;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.#timings = options.timings ?? DEFAULT_TIMINGS;
    this.#stopped = AbortSignal.any([options.disconnected, options.stopping]);
  }

  /** The responses, from now or from a cursor. Ends when the client disconnects; throws SERVICE_UNAVAILABLE when the process stops. */
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
      throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'the server is stopping; reconnect with the last cursor');
  }

  /** Sets the first cursor. Events that are published after the client received this response come after it. */
  async #open(text: string): Promise<WatchEventsResponse> {
    const requested = text ? decodeCursor(text) : undefined;
    const bounds = await this.#options.broker.bounds();
    this.#cursor = requested ?? cursorAtEnd(bounds);
    return (await this.#resume(bounds)) ? this.#heartbeat() : this.#resync(bounds);
  }

  /** Moves the cursor to where the current log continues, if that is decided. Returns false if events after the cursor are lost. */
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

  /** The next events; undefined if they are no longer available. */
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
      throw appError(ErrorReason.RATE_LIMITED, 'the client read the stream too slowly; reconnect with the last cursor');
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

  /** Pushes a batch if it starts at this stream's cursor; returns false if the client must pull the rest. */
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
   * Moves to the log's end. The end is read before the snapshot, so every event that the snapshot does not reflect is still to
   * come, and the events that it does reflect are recognised by their numbers.
   */
  async #resync(bounds: LogBounds): Promise<WatchEventsResponse> {
    const { db, clients, sessionId } = this.#options;
    this.#cursor = cursorAtEnd(bounds);
    this.#isLive = false;
    this.#undecidedSince = undefined;
    if (sessionId === undefined) return this.#response({ case: 'resync', value: create(ResyncSchema) });
    const snapshot = await sessionSnapshot(clients, sessionId);
    // a number lost with the database is used again for another event, which would be skipped
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

  /** How long the stream may wait if no event arrives. */
  #maxWaitMs(): number {
    const heartbeat = this.#timings.heartbeatMs - this.#idleMs();
    if (this.#undecidedSince === undefined) return heartbeat;
    return Math.min(heartbeat, this.#undecidedSince + this.#timings.undecidedMs - performance.now());
  }

  #idleMs(): number {
    return performance.now() - this.#lastSentAt;
  }
}
