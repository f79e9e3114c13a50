import type { StreamEvent } from './stream-event.ts';

export interface RingLimits {
  readonly events: number;
  readonly bytes: number;
}

/** The newest events of a log: everything in (from, head], without gaps. */
export class Ring {
  readonly #limits: RingLimits;
  #events: StreamEvent[] = [];
  /** Where the kept part of #events begins; the rest is cut off now and then. */
  #start = 0;
  #bytes = 0;
  #from: bigint;
  #head: bigint;

  /** An empty ring at the position `at`. */
  constructor(at: bigint, limits: RingLimits) {
    this.#limits = limits;
    this.#from = at;
    this.#head = at;
  }

  /** The position of the newest event that was added. */
  get head(): bigint {
    return this.#head;
  }

  /** Whether everything behind `position` up to the head is here. */
  covers(position: bigint): boolean {
    return position >= this.#from && position <= this.#head;
  }

  /** Adds the next events of the log, and drops the oldest beyond the limits. */
  add(events: readonly StreamEvent[], head: bigint): void {
    for (const event of events) {
      this.#events.push(event);
      this.#bytes += event.bytes;
    }
    this.#head = head;
    while (this.#events.length - this.#start > this.#limits.events || this.#bytes > this.#limits.bytes) this.#drop();
    if (this.#start > this.#limits.events) {
      this.#events = this.#events.slice(this.#start);
      this.#start = 0;
    }
  }

  /** At most `limit` events behind `position`, which the ring must cover. */
  after(position: bigint, limit: number): StreamEvent[] {
    let low = this.#start;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.position ?? 0n) > position) high = middle;
      else low = middle + 1;
    }
    return this.#events.slice(low, low + limit);
  }

  #drop(): void {
    const oldest = this.#events[this.#start];
    if (!oldest) return;
    this.#bytes -= oldest.bytes;
    this.#from = oldest.position;
    this.#start += 1;
  }
}
