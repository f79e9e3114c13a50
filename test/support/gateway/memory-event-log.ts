import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Event, EventSchema, Source } from '../../../gen/autosession/event/v1/event_pb.js';
import {
  type EventLog,
  type LogBounds,
  LogGenerationError,
  type LoggedEvent,
} from '../../../services/lib/messaging/bus/event-log.ts';
import { type Lineage, orderOf } from '../../../services/lib/messaging/bus/lineage.ts';

/** An event log in memory that can be disconnected, trimmed and recreated. */
export class MemoryEventLog implements EventLog {
  readonly name = 'memory';
  readonly isOutsideDatabase = true;
  #generation = 1;
  #lineage: Lineage | undefined;
  #before = 0n;
  #records: LoggedEvent[] = [];
  /** The first order of each record. */
  readonly #generations = new WeakMap<LoggedEvent, number>();
  #disconnected = false;
  #waiters = new Set<() => void>();
  /** The number of open tails. */
  openTails = 0;

  /** Appends an event of a tenant; by default `session_changed` with the command `touch`. */
  add(init: MessageInitShape<typeof EventSchema> = {}, tenant = 'default'): LoggedEvent {
    const event = testEvent(init);
    const record: LoggedEvent = {
      position: this.#last + 1n,
      eventId: event.eventId,
      tenant,
      source: 'session',
      sessionId: event.sessionId,
      sourceSeq: event.sourceSeq,
      type: 'test',
      payload: toBinary(EventSchema, event),
    };
    this.#records.push(record);
    this.#generations.set(record, this.#generation);
    this.#notify();
    return record;
  }

  /** Publishes the records of an earlier generation again. */
  replay(record: LoggedEvent): void {
    const order = record.order ?? orderOf(Number(this.#generations.get(record)), record.position);
    this.#records.push({ ...record, position: this.#last + 1n, order });
    this.#notify();
  }

  /** Every call fails until `heal`; open tails break. */
  disconnect(): void {
    this.#disconnected = true;
    this.#notify();
  }

  reconnect(): void {
    this.#disconnected = false;
  }

  /** Starts a new, empty log, which the relay has not examined yet. */
  wipe(): void {
    this.startGeneration(this.#generation + 1);
  }

  /** Starts an empty log with this generation number. */
  startGeneration(generation: number): void {
    this.#generation = generation;
    this.#lineage = undefined;
    this.#before = 0n;
    this.#records = [];
    this.#notify();
  }

  /** Writes the lineage, as the relay does before it fills a new log. */
  writeLineage({ forgotten = 0n, replayed, reached = 1_000_000n }: Partial<Lineage> = {}): void {
    const generation = (number: number) => ({ name: `log-${number}`, number });
    const earlier = Array.from({ length: this.#generation - 1 }, (_, index) => ({ ...generation(index + 1), reached }));
    this.#lineage = { ...generation(this.#generation), replayed, earlier, forgotten };
    this.#notify();
  }

  /** Drops the records after a position, like a restored copy. */
  truncate(to: bigint): void {
    this.#records = this.#records.filter(({ position }) => position <= to);
    this.#notify();
  }

  /** Removes all records up to a position. */
  trimUpTo(upTo: bigint): void {
    this.#before = upTo;
    this.#records = this.#records.filter(({ position }) => position > upTo);
  }

  async bounds(): Promise<LogBounds> {
    this.#assertConnected();
    const generationId = `log-${this.#generation}`;
    return { generationId, before: this.#before, last: this.#last, lineage: this.#lineage };
  }

  async read(after: bigint, limit: number): Promise<LoggedEvent[]> {
    this.#assertConnected();
    return this.#records.filter(({ position }) => position > after).slice(0, limit);
  }

  async *tail(after: bigint, signal: AbortSignal): AsyncIterable<LoggedEvent[]> {
    const generation = this.#generation;
    let at = after;
    this.openTails += 1;
    try {
      while (!signal.aborted) {
        this.#assertConnected();
        if (this.#generation !== generation || at < this.#before || at > this.#last)
          throw new LogGenerationError('the log has another generation');
        const change = this.#nextChange(signal); // before the read, which may miss records that arrive meanwhile
        const records = await this.read(at, 100);
        at = records.at(-1)?.position ?? at;
        if (records.length > 0) yield records;
        else await change;
      }
    } finally {
      this.openTails -= 1;
    }
  }

  async writer(): Promise<never> {
    throw new Error('only add() appends here');
  }

  notify(): void {}

  onNotify(): Disposable {
    return { [Symbol.dispose]() {} };
  }

  async trim(): Promise<void> {}

  async fault(): Promise<string | undefined> {
    return this.#disconnected ? 'away' : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  get #last(): bigint {
    return this.#records.at(-1)?.position ?? this.#before;
  }

  #assertConnected(): void {
    if (this.#disconnected) throw new Error('the log is disconnected');
  }

  #nextChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = () => {
        this.#waiters.delete(done);
        resolve();
      };
      this.#waiters.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #notify(): void {
    for (const wake of [...this.#waiters]) wake();
  }
}

let count = 0;

/** An event with defaults for all fields that the test omits; each has its own session by default. */
export function testEvent(init: MessageInitShape<typeof EventSchema> = {}): Event {
  count += 1;
  return create(EventSchema, {
    eventId: `evt_${count}`,
    source: Source.SESSION,
    sessionId: `ses_${count}`,
    sourceSeq: 1,
    occurredAt: timestampFromMs(1_763_605_000_000),
    payload: { case: 'sessionChanged', value: { command: 'activate' } },
    ...init,
  });
}
