import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { EventLog, LogBounds, LoggedEvent } from '../../lib/bus/event-log.ts';
import { Ring, type RingLimits } from '../../lib/bus/ring.ts';
import { ErrorReason, refuse } from '../../lib/errors/refuse.ts';
import type { Logger } from '../../lib/log.ts';
import { failureLevel } from '../../lib/loop-failures.ts';
import type { Cursor } from './cursor.ts';
import { ReplayedPart } from './replayed-part.ts';
import { type Log, type StreamEvent, streamEvent } from './stream-event.ts';
import { type Take, Waiters } from './waiters.ts';

const LIMITS: RingLimits = { events: 10_000, bytes: 32 * 1024 * 1024 };
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** How long a stream waits for the hub to see the same log as itself. */
const ALIGN_MS = 250;

/** A part of the log. */
export interface Page {
  readonly events: readonly StreamEvent[];
  /** Everything up to here is in `events` or was before them. */
  readonly upTo: bigint;
}

/** What a process knows of the log's newest part. */
interface Tail {
  readonly incarnation: string;
  /** The number of the log's generation; undefined until it is known. */
  generation?: number;
  readonly ring: Ring<StreamEvent>;
}

export interface HubOptions {
  readonly log: EventLog;
  readonly logger: Logger;
  readonly limits?: RingLimits;
}

/**
 * The one reader of the log's end in a process. Streams pull from its ring by their cursors, so that a slow one costs nothing
 * but its place. It begins with the first stream, and goes on by itself after the log was away.
 */
export class EventHub implements AsyncDisposable {
  readonly #log: EventLog;
  readonly #logger: Logger;
  readonly #limits: RingLimits;
  readonly #stop = new AbortController();
  readonly #waiters = new Waiters();
  /** The hub outlives the request that begins it. */
  readonly #outside = AsyncLocalStorage.snapshot();
  #running: Promise<void> | undefined;
  #tail: Tail | undefined;
  #replayed: ReplayedPart | undefined;

  constructor({ log, logger, limits = LIMITS }: HubOptions) {
    this.#log = log;
    this.#logger = logger;
    this.#limits = limits;
  }

  /** Begins to follow the log, if that has not begun. */
  begin(): void {
    this.#running ??= this.#outside(() => this.#follow());
  }

  /** Whether a log that became shorter is recreated: true where it can be restored without the database. */
  get replacesLog(): boolean {
    return this.#log.apart;
  }

  /** Where the log begins and ends now. Throws SERVICE_UNAVAILABLE. */
  bounds(): Promise<LogBounds> {
    return reached(() => this.#log.bounds());
  }

  /** What comes behind the cursor, from memory; undefined when it is not all there. */
  recent({ incarnation, position }: Cursor, limit: number): Page | undefined {
    const tail = this.#tail;
    if (tail?.incarnation !== incarnation || !tail.ring.covers(position)) return undefined;
    const events = tail.ring.after(position, limit);
    return { events, upTo: events.length < limit ? tail.ring.head : (events.at(-1)?.position ?? position) };
  }

  /** What comes behind the cursor, from the log; undefined when that is not known any more. Throws SERVICE_UNAVAILABLE. */
  async stored(cursor: Cursor, limit: number): Promise<Page | undefined> {
    const end = await this.bounds();
    if (!reaches(end, cursor)) return undefined;
    const records = await reached(() => this.#log.read(cursor.position, limit));
    if (!reaches(await this.bounds(), cursor)) return undefined;
    const last = records.at(-1)?.position ?? cursor.position;
    const upTo = records.length < limit && end.last > last ? end.last : last;
    return { events: this.#readable(records, { incarnation: end.incarnation, generation: end.lineage?.number }), upTo };
  }

  /** The cursor after the events of the replayed part that its client has already seen. Throws SERVICE_UNAVAILABLE. */
  async skipKnown(cursor: Cursor, { before }: LogBounds): Promise<Cursor> {
    const { incarnation, seen } = cursor;
    if (seen === undefined) return cursor;
    if (this.#replayed?.incarnation !== incarnation) this.#replayed = new ReplayedPart(this.#log, incarnation, before);
    const replayed = this.#replayed;
    return reached(() => replayed.skip({ ...cursor, seen }));
  }

  /**
   * Waits until there is something behind the cursor that `take` does not take, the log was made anew, the time is over, or the
   * signal fires.
   */
  async wait(cursor: Cursor, ms: number, signal: AbortSignal, take: Take): Promise<void> {
    if (signal.aborted || !this.#isAtEnd(cursor)) return;
    const longest = this.#tail?.incarnation === cursor.incarnation ? ms : Math.min(ms, ALIGN_MS);
    await this.#waiters.wait(longest, signal, take);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#waiters.wake();
    await this.#running;
  }

  #isAtEnd({ incarnation, position }: Cursor): boolean {
    return this.#tail?.incarnation !== incarnation || this.#tail.ring.head <= position;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    let pause = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      try {
        const tail = this.#aligned(await this.#log.bounds());
        this.#tail = tail;
        this.#waiters.wake();
        for await (const records of this.#log.tail(tail.ring.head, signal, tail.incarnation)) {
          pause = FIRST_PAUSE_MS;
          // the relay wrote the lineage before it appended these
          tail.generation ??= (await this.#log.bounds()).lineage?.number;
          this.#add(tail, records);
        }
      } catch (error) {
        if (!signal.aborted)
          this.#logger[failureLevel(error)](
            { event: 'event_log_lost', err: error },
            'reading the event log failed; starting again',
          );
      }
      await delay(pause, undefined, { signal }).catch(() => {});
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }

  /** The tail to go on with: the present one if the log still reaches back to it, else a new one at the log's end. */
  #aligned(bounds: LogBounds): Tail {
    const { incarnation, last, lineage } = bounds;
    if (this.#tail && reaches(bounds, { incarnation: this.#tail.incarnation, position: this.#tail.ring.head }))
      return this.#tail;
    return { incarnation, generation: lineage?.number, ring: new Ring(last, this.#limits, ({ bytes }) => bytes) };
  }

  #add({ incarnation, generation, ring }: Tail, records: readonly LoggedEvent[]): void {
    const fresh = records.filter(({ position }) => position > ring.head);
    const last = fresh.at(-1);
    if (!last) return;
    const arrival = {
      incarnation,
      after: ring.head,
      events: this.#readable(fresh, { incarnation, generation }),
      upTo: last.position,
    };
    ring.add(arrival.events, arrival.upTo);
    this.#waiters.offer(arrival);
  }

  #readable(records: readonly LoggedEvent[], log: Log): StreamEvent[] {
    return records.flatMap((record) => {
      try {
        return [streamEvent(record, log)];
      } catch (error) {
        this.#logger.error({ event: 'event_unreadable', event_id: record.eventId, err: error }, 'an event is left out');
        return [];
      }
    });
  }
}

/** Whether a log knows everything behind the cursor. */
export function reaches(bounds: LogBounds, { incarnation, position }: Cursor): boolean {
  return bounds.incarnation === incarnation && position >= bounds.before && position <= bounds.last;
}

async function reached<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw refuse(ErrorReason.SERVICE_UNAVAILABLE, 'the event log does not answer', {}, error);
  }
}
