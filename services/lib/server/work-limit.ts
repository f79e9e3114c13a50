/** A request's place among those that are worked on. */
export interface Place {
  /** Gives it to the next in the line. May be called more than once. */
  leave(): void;
}

export interface WorkLimits {
  /** Requests that are worked on at a time. */
  readonly atOnce: number;
  /** Requests that may wait for their turn. */
  readonly waiting: number;
}

/** Who waits longer than that has probably gone: then it is better to say no. */
const PATIENCE_MS = 1_000;
/** What may wait for something else than the machine has its place so long. */
const WORK_OF_WAITERS_MS = 100;

/** What has to do with the product; health, metrics and pages are always answered. */
const WORK = /^\/(api\/(?!health(?:\?|$))|autosession\.)/;

/** Whether a request of this URL takes a place. */
export function isWork(url: string): boolean {
  return WORK.test(url);
}

/**
 * Bounds the requests that are worked on at a time, and the line behind them. Beyond both a request is refused at once: a
 * line that grows would serve everybody too late, and cost what those who are served need.
 */
export class WorkLimit {
  readonly #limits: WorkLimits;
  readonly #line = new Set<() => void>();
  #working = 0;

  constructor(limits: WorkLimits) {
    this.#limits = limits;
  }

  /** Requests that have a place now. */
  get working(): number {
    return this.#working;
  }

  /**
   * A place at once, or as soon as one is free; undefined when the line is full or the wait takes too long. A request that
   * `waits` for something to happen (a stream, a long poll) gives its place back by itself after its first 100 ms.
   */
  enter(waits: boolean): Place | undefined | Promise<Place | undefined> {
    const { atOnce, waiting } = this.#limits;
    if (this.#working < atOnce) {
      this.#working += 1;
      return this.#place(waits);
    }
    if (this.#line.size >= waiting) return undefined;
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
      const timer = setTimeout(() => end(false), PATIENCE_MS);
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
    if (next) next();
    else this.#working -= 1;
  }
}
