import { ServiceRate } from './service-rate.ts';

/** A request's place among those that are worked on. */
export interface Permit {
  /** Gives it to the next in the line. May be called more than once. */
  release(): void;
}

export interface AdmissionLimits {
  /** Requests that are worked on at a time. */
  readonly maxConcurrent: number;
  /** Requests that may wait for their turn, fewer when work is slow. */
  readonly maxQueued: number;
  /** Nobody is let into the line who would have to wait longer, in milliseconds, as fast as it moves now. */
  readonly maxQueueMs: number;
}

interface QueuedRequest {
  readonly enqueuedAt: number;
  readonly settle: (admitted: boolean) => void;
}

/** The pace can change: who has stood in line for so many times the patience is refused all the same. */
const MAX_WAIT_FACTOR = 2;
/** What may wait for something else than the machine has its place so long. */
const LONG_POLL_PERMIT_MS = 100;
/** In one turn of the event loop, work is begun for so long; then the loop may look who else is there. */
const MAX_TURN_MS = 5;

/** What has to do with the product; health, metrics and pages are always answered. */
const CONTROLLED_PATHS = /^\/(api\/(?!health(?:\?|$))|autosession\.)/;

/** Whether a request of this URL takes a place. */
export function needsAdmission(url: string): boolean {
  return CONTROLLED_PATHS.test(url);
}

/**
 * Bounds the requests that are worked on at a time, and the line behind them to what can be begun within the patience. Beyond
 * that a request is refused at once: a line that grows would serve everybody too late.
 *
 * Work is begun a few milliseconds at a time, and the loop looks who else is there before it goes on: work that never waits
 * (SQLite) would else leave them unheard.
 */
export class AdmissionController {
  readonly #limits: AdmissionLimits;
  /** Whoever waits longest comes first. */
  readonly #queue: QueuedRequest[] = [];
  readonly #serviceRate: ServiceRate;
  #active = 0;
  /** Attempts to begin work that are due in the next turn. */
  #scheduledStarts = 0;
  #turnStartedAt: number | undefined;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
    this.#serviceRate = new ServiceRate(limits.maxConcurrent, limits.maxQueueMs);
  }

  /** Requests that have a place now. */
  get active(): number {
    return this.#active;
  }

  /** Whether a request would be admitted to the queue now. */
  get hasCapacity(): boolean {
    return this.#hasCapacity(performance.now());
  }

  /**
   * A place as soon as it is this one's turn; undefined, at once or after twice the patience, when it is to be refused. A request that
   * `waits` for something to happen (a stream, a long poll) gives its place back by itself after its first 100 ms, at the
   * latest.
   */
  async acquire(isLongPoll: boolean): Promise<Permit | undefined> {
    const now = performance.now();
    this.#rejectLate(now);
    if (!this.#hasCapacity(now)) return undefined;
    return (await this.#enqueue(now)) ? this.#createPermit(isLongPoll) : undefined;
  }

  /** For one more in the line. */
  #hasCapacity(now: number): boolean {
    const { length } = this.#queue;
    const msPerRequest = this.#serviceRate.msPerRequest(now) ?? 0; // the best is hoped for, until a round of work shows more
    return length < this.#limits.maxQueued && length * msPerRequest <= this.#limits.maxQueueMs;
  }

  /** The line is slower than was hoped: who came last would be refused in the end, so it is better said now. */
  #rejectLate(now: number): void {
    const msPerRequest = this.#serviceRate.msPerRequest(now);
    if (msPerRequest === undefined) return;
    const isTooLate = ({ enqueuedAt }: QueuedRequest) =>
      now - enqueuedAt + this.#queue.length * msPerRequest > MAX_WAIT_FACTOR * this.#limits.maxQueueMs;
    for (let last = this.#queue.at(-1); last && isTooLate(last); last = this.#queue.at(-1)) last.settle(false);
  }

  #enqueue(enqueuedAt: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (admitted: boolean) => {
        clearTimeout(timer);
        this.#queue.splice(this.#queue.indexOf(request), 1);
        if (this.#queue.length === 0) this.#serviceRate.queueEmptied();
        resolve(admitted);
      };
      const request: QueuedRequest = { enqueuedAt, settle };
      const timer = setTimeout(() => settle(false), MAX_WAIT_FACTOR * this.#limits.maxQueueMs);
      if (this.#queue.length === 0) this.#serviceRate.queueStarted(enqueuedAt);
      this.#queue.push(request);
      this.#scheduleStarts();
    });
  }

  #createPermit(isLongPoll: boolean): Permit {
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      clearTimeout(timer);
      this.#active -= 1;
      this.#scheduleStarts();
    };
    const timer = isLongPoll ? setTimeout(release, LONG_POLL_PERMIT_MS) : undefined;
    return { release };
  }

  #scheduleStarts(): void {
    const startable = Math.min(this.#queue.length, this.#limits.maxConcurrent - this.#active);
    for (; this.#scheduledStarts < startable; this.#scheduledStarts++) setImmediate(() => this.#startNext());
  }

  /** Begins the work of whoever waits longest, if this turn of the loop has room for it. */
  #startNext(): void {
    this.#scheduledStarts -= 1;
    const now = performance.now();
    this.#turnStartedAt ??= this.#startTurn(now);
    const [first] = this.#queue;
    if (first && now - this.#turnStartedAt <= MAX_TURN_MS && this.#active < this.#limits.maxConcurrent) {
      first.settle(true);
      this.#serviceRate.recordStart(now);
      this.#active += 1;
    }
    this.#scheduleStarts();
  }

  #startTurn(now: number): number {
    setImmediate(() => {
      this.#turnStartedAt = undefined; // the first thing in the next turn
    });
    return now;
  }
}
