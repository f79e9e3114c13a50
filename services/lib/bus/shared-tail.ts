import type { LoggedEvent } from './event-log.ts';
import { Ring, type RingLimits } from './ring.ts';

/** Reads the log's records behind `after`, as EventLog.tail does. */
export type OpenTail = (after: bigint, signal: AbortSignal, incarnation: string) => AsyncIterable<LoggedEvent[]>;

/**
 * One way of reading along the log, for several readers: what came lately is kept for those who are a little behind. It goes on
 * when a reader has seen everything and asks for more, so it runs ahead of nobody.
 */
export class SharedTail {
  readonly incarnation: string;
  readonly #ring: Ring<LoggedEvent>;
  readonly #stop = new AbortController();
  readonly #iterator: AsyncIterator<LoggedEvent[]>;
  readonly #waiting = new Set<() => void>();
  #readers = 0;
  #asked = false;
  #end: { readonly error: unknown } | undefined;

  constructor(open: OpenTail, limits: RingLimits, after: bigint, incarnation: string) {
    this.incarnation = incarnation;
    this.#ring = new Ring(after, limits, ({ payload }) => payload.length);
    this.#iterator = open(after, this.#stop.signal, incarnation)[Symbol.asyncIterator]();
  }

  /** The position of the newest record that it has come to. */
  get head(): bigint {
    return this.#ring.head;
  }

  /** Whether nothing more comes. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  covers(position: bigint): boolean {
    return this.#ring.covers(position);
  }

  /** What is kept behind a position that it covers; empty when it has yet to come there. */
  after(position: bigint, limit: number): LoggedEvent[] {
    return this.#ring.after(position, limit);
  }

  /** Waits until it has gone on, or the signal aborts. Throws what the log throws. */
  async more(signal: AbortSignal): Promise<void> {
    if (!this.#end && !signal.aborted) await this.#wait(signal);
    if (this.#end && !signal.aborted) throw this.#end.error;
  }

  enter(): void {
    this.#readers += 1;
  }

  /** Returns when nothing is under way any more, if nobody else reads. */
  async leave(): Promise<void> {
    this.#readers -= 1;
    if (this.#readers > 0) return;
    this.#end ??= { error: new Error('nobody reads any more') };
    this.#stop.abort();
    await this.#iterator.return?.().catch(() => {});
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake);
        this.#waiting.delete(wake);
        resolve();
      };
      signal.addEventListener('abort', wake, { once: true });
      this.#waiting.add(wake);
      if (!this.#asked) void this.#ask();
    });
  }

  async #ask(): Promise<void> {
    this.#asked = true;
    try {
      const { done, value } = await this.#iterator.next();
      if (done) throw new Error('the tail of the event log ended');
      // whoever asked gets all of it, however large it is
      this.#ring.add(value, value.at(-1)?.position ?? this.head, value.length);
    } catch (error) {
      this.#end ??= { error };
    }
    this.#asked = false;
    for (const wake of [...this.#waiting]) wake();
  }
}
