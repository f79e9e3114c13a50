import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  HeartbeatSchema,
  ResyncSchema,
  type WatchEventsResponse,
  WatchEventsResponseSchema,
} from '../../../gen/autosession/event/v1/event_service_pb.js';
import type { LogBounds } from '../../lib/bus/event-log.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Database } from '../../lib/db/database.ts';
import { ErrorReason, refuse } from '../../lib/errors/refuse.ts';
import type { Directory } from '../../lib/module.ts';
import type { Outlet } from '../../lib/outlet.ts';
import { type Cursor, readCursor, writeCursor } from './cursor.ts';
import type { EventFilter } from './filter.ts';
import type { EventHub, Page } from './hub.ts';
import { lineOf, Repeats } from './repeats.ts';
import { behind, endOf, isKnown, resume } from './resume.ts';
import { sessionSnapshot } from './snapshot.ts';
import { responseOf, type StreamEvent } from './stream-event.ts';
import type { Arrival } from './waiters.ts';

const PAGE = 256;
/** So many events are pushed before it is asked again whether the client has room. */
const MOST_AT_ONCE = 32;
const PACE: StreamPace = { heartbeatMs: 15_000, undecidedMs: 10_000 };

export interface StreamPace {
  /** After this long without a word, a heartbeat. */
  readonly heartbeatMs: number;
  /** How long a log may be shorter or older than the cursor before the missing events count as lost. */
  readonly undecidedMs: number;
}

export interface WatchOptions {
  readonly hub: EventHub;
  readonly db: Pick<Database, 'confirmReads'>;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly filter: EventFilter;
  /** The one session that is watched; undefined for a wider stream. */
  readonly sessionId: string | undefined;
  /** Fires when the client is gone. */
  readonly gone: AbortSignal;
  /** Fires when the process stops. */
  readonly stopping: AbortSignal;
  /** The short way to the client; all is pulled when absent. */
  readonly outlet?: Outlet;
  readonly pace?: StreamPace;
}

/**
 * One stream: a cursor that moves along the log, through the hub's memory where that covers it and the log itself where it
 * does not. Since there is one cursor, live events and replayed ones cannot overlap or leave a gap. While a stream waits at
 * the end, its events are not pulled by its client but pushed to it as they come, as long as it has room for them.
 */
export class Watch {
  readonly #options: WatchOptions;
  readonly #pace: StreamPace;
  readonly #end: AbortSignal;
  readonly #repeats = new Repeats();
  #cursor: Cursor = { incarnation: '', position: 0n };
  /** Whether it has caught up once: if it then falls out of the hub's memory, its client reads too slowly. */
  #live = false;
  #spokenAt = 0;
  /** Since when the log has been shorter, or older, than the cursor. */
  #undecidedSince: number | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#pace = options.pace ?? PACE;
    this.#end = AbortSignal.any([options.gone, options.stopping]);
  }

  /** The responses, from now or from a cursor. Ends when the client is gone; throws SERVICE_UNAVAILABLE at the stop. */
  async *from(cursor: string): AsyncGenerator<WatchEventsResponse> {
    yield await this.#begin(cursor);
    while (!this.#end.aborted) {
      const page = await this.#next();
      if (page) yield* this.#shown(page);
      else yield await this.#resync(await this.#options.hub.bounds());
      if (this.#silentMs() >= this.#pace.heartbeatMs) yield this.#heartbeat();
      await this.#options.hub.wait(this.#cursor, Math.max(0, this.#restMs()), this.#end, this.#take);
    }
    if (!this.#options.gone.aborted)
      throw refuse(ErrorReason.SERVICE_UNAVAILABLE, 'the server stops; go on from the last cursor');
  }

  /** Takes the stream's first place. What is told after this response was received comes behind it. */
  async #begin(text: string): Promise<WatchEventsResponse> {
    const given = text ? readCursor(text) : undefined;
    const bounds = await this.#options.hub.bounds();
    this.#cursor = given ?? endOf(bounds);
    return (await this.#resumed(bounds)) ? this.#heartbeat() : this.#resync(bounds);
  }

  /** Moves the cursor to where the current log continues, if that is decided. False when events after the cursor are lost. */
  async #resumed(bounds: LogBounds): Promise<boolean> {
    const to = resume(bounds, this.#cursor);
    if (to === 'lost') return false;
    if (to === 'undecided') return !bounds.lineage || this.#mayBeDecided();
    this.#undecidedSince = undefined;
    if (to.incarnation !== this.#cursor.incarnation) this.#live = false;
    this.#cursor = await this.#options.hub.skipKnown(to, bounds);
    return true;
  }

  #mayBeDecided(): boolean {
    if (!this.#options.hub.replacesLog) return false;
    this.#undecidedSince ??= performance.now();
    return performance.now() < this.#undecidedSince + this.#pace.undecidedMs;
  }

  /** What comes next; undefined when it is not known any more. */
  async #next(): Promise<Page | undefined> {
    const { hub } = this.#options;
    const recent = hub.recent(this.#cursor, PAGE);
    if (recent) {
      this.#live = true;
      return recent;
    }
    if (!(await this.#resumed(await hub.bounds()))) return undefined;
    const stored = await hub.stored(this.#cursor, PAGE);
    if (stored?.events.length === PAGE && this.#live)
      throw refuse(ErrorReason.RATE_LIMITED, 'the stream was read too slowly; go on from its last cursor');
    // empty if the log changed meanwhile, or if the relay has not examined it yet
    return stored ?? { events: [], upTo: this.#cursor.position };
  }

  /**
   * Yielded responses are encoded for this stream alone: as long as its client has room, events are pushed instead, in bytes
   * that streams share.
   */
  *#shown({ events, upTo }: Page): Generator<WatchEventsResponse> {
    let pushedTo = 0;
    for (const [index, candidate] of events.entries()) {
      if (index < pushedTo) continue;
      if (this.#options.outlet?.takes && this.#push(events.slice(index, index + MOST_AT_ONCE))) {
        pushedTo = index + MOST_AT_ONCE;
        continue;
      }
      const known = isKnown(this.#cursor, candidate.order);
      this.#cursor = behind(this.#cursor, candidate);
      if (known || !this.#options.filter(candidate) || !this.#isNews(candidate)) continue;
      this.#spokenAt = performance.now();
      yield responseOf(candidate, this.#cursor);
    }
    this.#passed(events, upTo);
  }

  #passed(events: readonly StreamEvent[], upTo: bigint): void {
    const last = events.at(-1);
    this.#cursor = { ...(last ? behind(this.#cursor, last) : this.#cursor), position: upTo };
  }

  #isNews({ line, event }: StreamEvent): boolean {
    return !this.#repeats.seen(line, event.sourceSeq);
  }

  /** Pushes what has come, if it goes on where this stream is; false when the rest is to be pulled. */
  readonly #take = ({ incarnation, after, events, upTo }: Arrival): boolean => {
    if (incarnation !== this.#cursor.incarnation || this.#cursor.position < after) return false;
    this.#live = true;
    for (let from = 0; from < events.length; from += MOST_AT_ONCE)
      if (!this.#push(events.slice(from, from + MOST_AT_ONCE))) return false;
    if (upTo > this.#cursor.position) this.#passed(events, upTo);
    return true;
  };

  #push(events: readonly StreamEvent[]): boolean {
    const { outlet, filter } = this.#options;
    let cursor = this.#cursor;
    const news: WatchEventsResponse[] = [];
    for (const candidate of events) {
      if (candidate.position <= cursor.position || isKnown(cursor, candidate.order) || !filter(candidate)) continue;
      if (news.length === 0 && !outlet?.takes) return false;
      cursor = behind(cursor, candidate);
      if (this.#isNews(candidate)) news.push(responseOf(candidate, cursor));
    }
    this.#cursor = cursor;
    if (news.length === 0) return true;
    this.#spokenAt = performance.now();
    outlet?.send(WatchEventsResponseSchema, news);
    return true;
  }

  /**
   * Goes to the log's end. The end is taken before the snapshot, so everything behind it that the snapshot does not reflect
   * is still to come, and what it does reflect is known by its number.
   */
  async #resync(bounds: LogBounds): Promise<WatchEventsResponse> {
    const { db, directory, sessionId } = this.#options;
    this.#cursor = endOf(bounds);
    this.#live = false;
    this.#undecidedSince = undefined;
    if (sessionId === undefined) return this.#response({ case: 'resync', value: create(ResyncSchema) });
    const snapshot = await sessionSnapshot(directory, sessionId);
    // a number that vanishes with the database comes again, with another event, which would be left out
    await db.confirmReads();
    for (const { source, sourceSeq } of snapshot.heads) this.#repeats.skip(lineOf({ source, sessionId }), sourceSeq);
    return this.#response({ case: 'resync', value: snapshot });
  }

  #heartbeat(): WatchEventsResponse {
    const time = timestampFromMs(this.#options.clock.now());
    return this.#response({ case: 'heartbeat', value: create(HeartbeatSchema, { time }) });
  }

  #response(kind: WatchEventsResponse['kind']): WatchEventsResponse {
    this.#spokenAt = performance.now();
    return create(WatchEventsResponseSchema, { cursor: writeCursor(this.#cursor), kind });
  }

  /** How long the stream may rest unless an event arrives. */
  #restMs(): number {
    const heartbeat = this.#pace.heartbeatMs - this.#silentMs();
    if (this.#undecidedSince === undefined) return heartbeat;
    return Math.min(heartbeat, this.#undecidedSince + this.#pace.undecidedMs - performance.now());
  }

  #silentMs(): number {
    return performance.now() - this.#spokenAt;
  }
}
