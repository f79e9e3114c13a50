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

/** The pace can change: who has stood in line for so many times the patience is refused all the same. */
const LONGEST = 2;
/** What may wait for something else than the machine has its place so long. */
const WORK_OF_WAITERS_MS = 100;
/** How much the newest of the times between two starts counts. */
const NEWEST = 0.1;
/** In one turn of the event loop, work is begun for so long; then the loop may look who else is there. */
const TURN_MS = 5;
/** How much of the time may go to looking, while there is work to begin. */
const LOOKING = 0.2;
const LEAST_LOOKING_MS = 0.5;

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
 * (SQLite) would else leave them in a line that nobody sees, that of the connections which are not accepted yet.
 */
export class WorkLimit {
  readonly #limits: WorkLimits;
  readonly #line = new Set<() => void>();
  #working = 0;
  /** Attempts to begin work that are due in the next turn. */
  #attempts = 0;
  #turn: { readonly began: number; readonly begins: boolean } | undefined;
  #somebodyCame = false;
  #lastStart = 0;
  /** Milliseconds between two starts while somebody waited; `#lastPaced` is where the newest of them begins. */
  #pace = 0;
  #lastPaced: number | undefined;

  constructor(limits: WorkLimits) {
    this.#limits = limits;
  }

  /** Requests that have a place now. */
  get working(): number {
    return this.#working;
  }

  /**
   * A place as soon as it is this one's turn; undefined, at once or after twice the patience, when it is to be refused. A request that
   * `waits` for something to happen (a stream, a long poll) gives its place back by itself after its first 100 ms, at the
   * latest.
   */
  async enter(waits: boolean): Promise<Place | undefined> {
    const { size } = this.#line;
    if (size >= this.#limits.waiting || size * this.#pace > this.#limits.patienceMs) return undefined;
    this.#somebodyCame = true;
    return (await this.#standInLine()) ? this.#place(waits) : undefined;
  }

  #standInLine(): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isServed: boolean) => {
        clearTimeout(timer);
        this.#line.delete(begin);
        resolve(isServed);
      };
      const begin = () => end(true);
      const timer = setTimeout(() => end(false), LONGEST * this.#limits.patienceMs);
      this.#line.add(begin);
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
    const wanted = Math.min(this.#line.size, this.#limits.atOnce - this.#working);
    for (; this.#attempts < wanted; this.#attempts++) setImmediate(() => this.#attempt());
  }

  /** Begins the work of whoever waits longest, if this turn of the loop has room for it. */
  #attempt(): void {
    this.#attempts -= 1;
    const now = performance.now();
    this.#turn ??= this.#newTurn(now);
    const [begin] = this.#line;
    if (begin && this.#turn.begins && now - this.#turn.began <= TURN_MS && this.#working < this.#limits.atOnce) {
      begin();
      this.#working += 1;
      this.#notePace(now);
    }
    this.#askToBegin();
  }

  /** Nothing is begun as long as others are just coming in, unless that takes too long. */
  #newTurn(now: number) {
    setImmediate(() => {
      this.#turn = undefined; // the first thing in the next turn
    });
    const looked = now - this.#lastStart > Math.max(LEAST_LOOKING_MS, this.#pace * (1 + LOOKING));
    const begins = looked || !this.#somebodyCame;
    this.#somebodyCame = false;
    return { began: now, begins };
  }

  /** A start with nobody behind it says nothing of how fast the line moves, but that there is none: what was slow is over. */
  #notePace(now: number): void {
    if (this.#lastPaced !== undefined) this.#pace += (now - this.#lastPaced - this.#pace) * NEWEST;
    if (this.#line.size === 0) this.#pace /= 2;
    this.#lastPaced = this.#line.size > 0 ? now : undefined;
    this.#lastStart = now;
  }
}
