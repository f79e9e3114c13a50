export interface RingBufferLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
}

/** The newest events of a log: everything in (from, head], without gaps. */
export class RingBuffer<T extends { readonly position: bigint }> {
  readonly #limits: RingBufferLimits;
  readonly #bytesOf: (event: T) => number;
  #events: T[] = [];
  /** The index of the oldest kept event; those before it are removed from time to time. */
  #start = 0;
  #bytes = 0;
  #tail: bigint;
  #head: bigint;

  /** An empty buffer at the position `at`; `bytesOf` estimates the memory of an event. */
  constructor(at: bigint, limits: RingBufferLimits, bytesOf: (event: T) => number) {
    this.#limits = limits;
    this.#bytesOf = bytesOf;
    this.#tail = at;
    this.#head = at;
  }

  /** The position of the newest event that was added. */
  get head(): bigint {
    return this.#head;
  }

  /** Whether everything behind `position` up to the head is here. */
  covers(position: bigint): boolean {
    return position >= this.#tail && position <= this.#head;
  }

  /** Adds the next events of the log, and drops the oldest beyond the limits, except for the newest `keep`. */
  add(events: readonly T[], head: bigint, minKept = 0): void {
    for (const event of events) {
      this.#events.push(event);
      this.#bytes += this.#bytesOf(event);
    }
    this.#head = head;
    while (this.#isOver && this.#events.length - this.#start > minKept) this.#dropOldest();
    if (this.#start > this.#limits.maxEvents) {
      this.#events = this.#events.slice(this.#start);
      this.#start = 0;
    }
  }

  /** At most `limit` events behind `position`, which the buffer must cover. */
  after(position: bigint, limit: number): T[] {
    let low = this.#start;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.position ?? 0n) > position) high = middle;
      else low = middle + 1;
    }
    return this.#events.slice(low, low + limit);
  }

  get #isOver(): boolean {
    return this.#events.length - this.#start > this.#limits.maxEvents || this.#bytes > this.#limits.maxBytes;
  }

  #dropOldest(): void {
    const oldest = this.#events[this.#start];
    if (!oldest) return;
    this.#bytes -= this.#bytesOf(oldest);
    this.#tail = oldest.position;
    this.#start += 1;
  }
}
