import { Bell } from '../bell.ts';
import type { EventLog, LoggedEvent } from './event-log.ts';

/** A tail that can be asked for its next batch without waiting for it for ever. */
export class TailReader implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #bell = new Bell();
  readonly #iterator: AsyncIterator<LoggedEvent[]>;
  #asked = false;
  #answer: (() => LoggedEvent[]) | undefined;

  constructor(log: EventLog, after: bigint, incarnation: string) {
    this.#iterator = log.tail(after, this.#stop.signal, incarnation)[Symbol.asyncIterator]();
  }

  /** The next batch, or undefined when none comes in time. Throws what the tail throws. */
  async next(ms: number, signal: AbortSignal): Promise<LoggedEvent[] | undefined> {
    if (!this.#asked) void this.#ask();
    await this.#bell.wait(ms, signal);
    const answer = this.#answer;
    if (!answer) return undefined;
    this.#answer = undefined;
    this.#asked = false;
    return answer();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#iterator.return?.().catch(() => {});
  }

  /** The answer is kept for whoever asks next. */
  async #ask(): Promise<void> {
    this.#asked = true;
    try {
      const { done, value } = await this.#iterator.next();
      this.#answer = () => {
        if (done) throw new Error('the tail of the event log ended');
        return value;
      };
    } catch (error) {
      this.#answer = () => {
        throw error;
      };
    }
    this.#bell.ring();
  }
}
