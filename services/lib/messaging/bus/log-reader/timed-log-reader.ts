import { AsyncSignal } from '../../../runtime/async-signal.ts';
import type { EventLog, LoggedEvent } from '../event-log.ts';

/** A log reader whose next batch is awaited with a timeout. */
export class TimedLogReader implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #signal = new AsyncSignal();
  readonly #iterator: AsyncIterator<LoggedEvent[]>;
  #isReading = false;
  #result: (() => LoggedEvent[]) | undefined;

  constructor(log: EventLog, after: bigint, generationId: string) {
    this.#iterator = log.tail(after, this.#stop.signal, generationId)[Symbol.asyncIterator]();
  }

  /** The next batch, or undefined when none arrives in time. Throws the error of the log reader. */
  async next(ms: number, signal: AbortSignal): Promise<LoggedEvent[] | undefined> {
    if (!this.#isReading) void this.#readNext();
    await this.#signal.wait(ms, signal);
    const result = this.#result;
    if (!result) return undefined;
    this.#result = undefined;
    this.#isReading = false;
    return result();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#iterator.return?.().catch(() => {});
  }

  /** A batch that arrives after the timeout is kept for the next call. */
  async #readNext(): Promise<void> {
    this.#isReading = true;
    try {
      const { done, value } = await this.#iterator.next();
      this.#result = () => {
        if (done) throw new Error('the reader of the event log ended');
        return value;
      };
    } catch (error) {
      this.#result = () => {
        throw error;
      };
    }
    this.#signal.notify();
  }
}
