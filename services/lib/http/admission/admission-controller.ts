import { ServiceRate } from './service-rate.ts';

/** The permission to process a request; at most `maxConcurrent` are held at a time. */
export interface Permit {
  /** Frees it for the next queued request. May be called more than once. */
  release(): void;
}

export interface AdmissionLimits {
  /** The number of requests that are processed at a time. */
  readonly maxConcurrent: number;
  /** The number of requests that may be queued; fewer are admitted when processing is slow. */
  readonly maxQueued: number;
  /** A request that would wait longer than this at the current rate is refused; in milliseconds. */
  readonly maxQueueMs: number;
}

interface QueuedRequest {
  readonly enqueuedAt: number;
  readonly settle: (admitted: boolean) => void;
}

/** The rate can drop: a request that has been queued for this many times `maxQueueMs` is refused. */
const MAX_WAIT_FACTOR = 2;
/** A long poll holds its permit for this long at most. */
const LONG_POLL_PERMIT_MS = 100;
/** How long requests are started within one turn of the event loop, before it may accept other ones. */
const MAX_TURN_MS = 5;

/** Paths that need a permit: REST and RPCs. Health, metrics and pages are always answered. */
const CONTROLLED_PATHS = /^\/(api\/(?!health(?:\?|$))|autosession\.)/;

/** Whether a request of this URL needs a permit. */
export function needsAdmission(url: string): boolean {
  return CONTROLLED_PATHS.test(url);
}

/**
 * Bounds the requests that are processed at a time, and the queue behind them to those that can start within `maxQueueMs`. A
 * request beyond that is refused at once: a growing queue would serve every request too late.
 *
 * Requests are started for a few milliseconds per turn of the event loop, so that it can accept other requests in between:
 * handlers that never wait (SQLite) would otherwise block them.
 */
export class AdmissionController {
  readonly #limits: AdmissionLimits;
  /** The oldest request first. */
  readonly #queue: QueuedRequest[] = [];
  readonly #serviceRate: ServiceRate;
  #active = 0;
  /** Starts that are scheduled for the next turn of the event loop. */
  #scheduledStarts = 0;
  #turnStartedAt: number | undefined;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
    this.#serviceRate = new ServiceRate(limits.maxConcurrent, limits.maxQueueMs);
  }

  /** The number of permits that are held now. */
  get active(): number {
    return this.#active;
  }

  /** Whether a request would be admitted to the queue now. */
  get hasCapacity(): boolean {
    return this.#hasCapacity(performance.now());
  }

  /**
   * Waits in the queue for a permit; undefined when the request must be refused, at once or after twice `maxQueueMs`. The permit
   * of a long poll or stream is released after 100 ms at the latest.
   */
  async acquire(isLongPoll: boolean): Promise<Permit | undefined> {
    const now = performance.now();
    this.#rejectLate(now);
    if (!this.#hasCapacity(now)) return undefined;
    return (await this.#enqueue(now)) ? this.#createPermit(isLongPoll) : undefined;
  }

  #hasCapacity(now: number): boolean {
    const { length } = this.#queue;
    const msPerRequest = this.#serviceRate.msPerRequest(now) ?? 0; // unknown: assume that requests start at once
    return length < this.#limits.maxQueued && length * msPerRequest <= this.#limits.maxQueueMs;
  }

  /** Refuses the newest requests that would exceed the longest wait at the current rate, instead of when it has passed. */
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

  /** Starts the oldest request, if this turn of the event loop has time left. */
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
      this.#turnStartedAt = undefined; // runs first in the next turn
    });
    return now;
  }
}
