import type { LoggedEvent } from '../event-log.ts';
import { RingBuffer, type RingBufferLimits } from './ring-buffer.ts';

/** Reads the log's records behind `after`, as EventLog.tail does. */
export type OpenLogTail = (after: bigint, signal: AbortSignal, generationId: string) => AsyncIterable<LoggedEvent[]>;

/**
 * Reads the log for several subscribers, and keeps the newest events for those that are a little behind. It advances when a
 * subscriber has seen everything and asks for more, so it never runs ahead of all of them.
 */
export class SharedLogReader {
  readonly generationId: string;
  readonly #buffer: RingBuffer<LoggedEvent>;
  readonly #stop = new AbortController();
  readonly #iterator: AsyncIterator<LoggedEvent[]>;
  readonly #waiters = new Set<() => void>();
  #subscriberCount = 0;
  #isReading = false;
  #end: { readonly error: unknown } | undefined;

  constructor(open: OpenLogTail, limits: RingBufferLimits, after: bigint, generationId: string) {
    this.generationId = generationId;
    this.#buffer = new RingBuffer(after, limits, ({ payload }) => payload.length);
    this.#iterator = open(after, this.#stop.signal, generationId)[Symbol.asyncIterator]();
  }

  /** The position of the newest record that it has read. */
  get head(): bigint {
    return this.#buffer.head;
  }

  /** Whether it has ended. */
  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  covers(position: bigint): boolean {
    return this.#buffer.covers(position);
  }

  /** The kept events behind a position that it covers; empty when it has not reached that position yet. */
  after(position: bigint, limit: number): LoggedEvent[] {
    return this.#buffer.after(position, limit);
  }

  /** Waits until it has advanced, or the signal aborts. Throws the error of the log. */
  async waitForMore(signal: AbortSignal): Promise<void> {
    if (!this.#end && !signal.aborted) await this.#wait(signal);
    if (this.#end && !signal.aborted) throw this.#end.error;
  }

  addSubscriber(): void {
    this.#subscriberCount += 1;
  }

  /** The last subscriber that leaves ends the reader; this then returns when its read is over. */
  async removeSubscriber(): Promise<void> {
    this.#subscriberCount -= 1;
    if (this.#subscriberCount > 0) return;
    this.#end ??= { error: new Error('the shared reader has no subscribers') };
    this.#stop.abort();
    await this.#iterator.return?.().catch(() => {});
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake);
        this.#waiters.delete(wake);
        resolve();
      };
      signal.addEventListener('abort', wake, { once: true });
      this.#waiters.add(wake);
      if (!this.#isReading) void this.#readNext();
    });
  }

  async #readNext(): Promise<void> {
    this.#isReading = true;
    try {
      const { done, value } = await this.#iterator.next();
      if (done) throw new Error('the reader of the event log ended');
      // the subscribers that wait get the whole batch, whatever its size
      this.#buffer.add(value, value.at(-1)?.position ?? this.head, value.length);
    } catch (error) {
      this.#end ??= { error };
    }
    this.#isReading = false;
    for (const wake of [...this.#waiters]) wake();
  }
}
