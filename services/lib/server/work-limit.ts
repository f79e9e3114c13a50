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
  /** How far the event loop is behind, in milliseconds; absent for one that always keeps up. */
  lag?(): number;
}

/** Nobody is let in who has waited longer, or would have to as fast as places become free now. */
const PATIENCE_MS = 500;
/** The pace can change: who has stood in line for so long is refused all the same. */
const LONGEST_MS = 1_000;
/** How much the newest of the times between two free places counts. */
const NEWEST = 0.1;
/** What may wait for something else than the machine has its place so long. */
const WORK_OF_WAITERS_MS = 100;

/** What has to do with the product; health, metrics and pages are always answered. */
const WORK = /^\/(api\/(?!health(?:\?|$))|autosession\.)/;

/** Whether a request of this URL takes a place. */
export function isWork(url: string): boolean {
  return WORK.test(url);
}

/**
 * Bounds the requests that are worked on at a time, and the line behind them to what can be served in half a second. Beyond
 * both, and while the event loop is itself behind by more than that (work that never waits leaves no line but the one in the
 * sockets), a request is refused at once: a line that grows would serve everybody too late.
 */
export class WorkLimit {
  readonly #limits: WorkLimits;
  readonly #line = new Set<() => void>();
  #working = 0;
  /** Milliseconds between two places that became free while somebody waited. */
  #pace = 0;
  #lastFree: number | undefined;

  constructor(limits: WorkLimits) {
    this.#limits = limits;
  }

  /** Requests that have a place now. */
  get working(): number {
    return this.#working;
  }

  /**
   * A place at once, or as soon as one is free; undefined when it is to be refused. A request that `waits` for something to
   * happen (a stream, a long poll) gives its place back by itself after its first 100 ms.
   */
  enter(waits: boolean): Place | undefined | Promise<Place | undefined> {
    const { atOnce, waiting } = this.#limits;
    if ((this.#limits.lag?.() ?? 0) > PATIENCE_MS) return undefined;
    if (this.#working < atOnce) {
      this.#working += 1;
      return this.#place(waits);
    }
    if (this.#line.size >= waiting || (this.#line.size + 1) * this.#pace > PATIENCE_MS) return undefined;
    return this.#standInLine().then((served) => (served ? this.#place(waits) : undefined));
  }

  #standInLine(): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isServed: boolean) => {
        clearTimeout(timer);
        this.#line.delete(served);
        resolve(isServed);
      };
      const served = () => end(true);
      const timer = setTimeout(() => end(false), LONGEST_MS);
      this.#line.add(served);
    });
  }

  #place(waits: boolean): Place {
    let taken = true;
    const leave = () => {
      if (!taken) return;
      taken = false;
      clearTimeout(timer);
      this.#free();
    };
    const timer = waits ? setTimeout(leave, WORK_OF_WAITERS_MS) : undefined;
    return { leave };
  }

  /** The place goes to who waits longest, and only if nobody does it stays empty. */
  #free(): void {
    const [next] = this.#line;
    this.#notePace(next !== undefined);
    if (next) next();
    else this.#working -= 1;
  }

  /** Places that become free while nobody waits say nothing of how fast the work goes. */
  #notePace(somebodyWaits: boolean): void {
    const now = performance.now();
    if (somebodyWaits && this.#lastFree !== undefined) this.#pace += (now - this.#lastFree - this.#pace) * NEWEST;
    this.#lastFree = somebodyWaits ? now : undefined;
  }
}
