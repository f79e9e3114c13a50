import { Pace } from './pace.ts';

/** A request's place among those that are worked on. */
export interface Place {
  /** Gives it to the next in the line. May be called more than once. */
  leave(): void;
}

export interface WorkLimits {
  /** Requests that are worked on at a time. */
  readonly atOnce: number;
  /** Requests that may wait for their turn, fewer when work is slow. */
  readonly waiting: number;
  /** Nobody is let into the line who would have to wait longer, in milliseconds, as fast as it moves now. */
  readonly patienceMs: number;
}

interface Waiting {
  readonly came: number;
  readonly end: (isServed: boolean) => void;
}

/** The pace can change: who has stood in line for so many times the patience is refused all the same. */
const LONGEST = 2;
/** What may wait for something else than the machine has its place so long. */
const WORK_OF_WAITERS_MS = 100;
/** In one turn of the event loop, work is begun for so long; then the loop may look who else is there. */
const TURN_MS = 5;

/** What has to do with the product; health, metrics and pages are always answered. */
const WORK = /^\/(api\/(?!health(?:\?|$))|autosession\.)/;

/** Whether a request of this URL takes a place. */
export function isWork(url: string): boolean {
  return WORK.test(url);
}

/**
 * Bounds the requests that are worked on at a time, and the line behind them to what can be begun within the patience. Beyond
 * that a request is refused at once: a line that grows would serve everybody too late.
 *
 * Work is begun a few milliseconds at a time, and the loop looks who else is there before it goes on: work that never waits
 * (SQLite) would else leave them unheard.
 */
export class WorkLimit {
  readonly #limits: WorkLimits;
  /** Whoever waits longest comes first. */
  readonly #line: Waiting[] = [];
  readonly #pace: Pace;
  #working = 0;
  /** Attempts to begin work that are due in the next turn. */
  #attempts = 0;
  #turnBegan: number | undefined;

  constructor(limits: WorkLimits) {
    this.#limits = limits;
    this.#pace = new Pace(limits.atOnce, limits.patienceMs);
  }

  /** Requests that have a place now. */
  get working(): number {
    return this.#working;
  }

  /** Whether a request would be admitted to the queue now. */
  get hasRoom(): boolean {
    return this.#hasRoom(performance.now());
  }

  /**
   * A place as soon as it is this one's turn; undefined, at once or after twice the patience, when it is to be refused. A request that
   * `waits` for something to happen (a stream, a long poll) gives its place back by itself after its first 100 ms, at the
   * latest.
   */
  async enter(waits: boolean): Promise<Place | undefined> {
    const now = performance.now();
    this.#shorten(now);
    if (!this.#hasRoom(now)) return undefined;
    return (await this.#standInLine(now)) ? this.#place(waits) : undefined;
  }

  /** For one more in the line. */
  #hasRoom(now: number): boolean {
    const { length } = this.#line;
    const pace = this.#pace.at(now) ?? 0; // the best is hoped for, until a round of work shows more
    return length < this.#limits.waiting && length * pace <= this.#limits.patienceMs;
  }

  /** The line is slower than was hoped: who came last would be refused in the end, so it is better said now. */
  #shorten(now: number): void {
    const pace = this.#pace.at(now);
    if (pace === undefined) return;
    const isTooLate = ({ came }: Waiting) => now - came + this.#line.length * pace > LONGEST * this.#limits.patienceMs;
    for (let last = this.#line.at(-1); last && isTooLate(last); last = this.#line.at(-1)) last.end(false);
  }

  #standInLine(came: number): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isServed: boolean) => {
        clearTimeout(timer);
        this.#line.splice(this.#line.indexOf(waiting), 1);
        if (this.#line.length === 0) this.#pace.end();
        resolve(isServed);
      };
      const waiting = { came, end };
      const timer = setTimeout(() => end(false), LONGEST * this.#limits.patienceMs);
      if (this.#line.length === 0) this.#pace.begin(came);
      this.#line.push(waiting);
      this.#askToBegin();
    });
  }

  #place(waits: boolean): Place {
    let taken = true;
    const leave = () => {
      if (!taken) return;
      taken = false;
      clearTimeout(timer);
      this.#working -= 1;
      this.#askToBegin();
    };
    const timer = waits ? setTimeout(leave, WORK_OF_WAITERS_MS) : undefined;
    return { leave };
  }

  #askToBegin(): void {
    const wanted = Math.min(this.#line.length, this.#limits.atOnce - this.#working);
    for (; this.#attempts < wanted; this.#attempts++) setImmediate(() => this.#attempt());
  }

  /** Begins the work of whoever waits longest, if this turn of the loop has room for it. */
  #attempt(): void {
    this.#attempts -= 1;
    const now = performance.now();
    this.#turnBegan ??= this.#newTurn(now);
    const [first] = this.#line;
    if (first && now - this.#turnBegan <= TURN_MS && this.#working < this.#limits.atOnce) {
      first.end(true);
      this.#pace.step(now);
      this.#working += 1;
    }
    this.#askToBegin();
  }

  #newTurn(now: number): number {
    setImmediate(() => {
      this.#turnBegan = undefined; // the first thing in the next turn
    });
    return now;
  }
}
