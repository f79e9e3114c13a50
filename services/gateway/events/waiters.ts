import type { StreamEvent } from './stream-event.ts';

/** What has come to the end of a log: everything in (after, upTo]. */
export interface Arrival {
  readonly incarnation: string;
  readonly after: bigint;
  readonly events: readonly StreamEvent[];
  readonly upTo: bigint;
}

/** Takes what has come and goes on waiting; false when whoever waits has to be woken for it. */
export type Take = (arrival: Arrival) => boolean;

interface Waiter {
  readonly take: Take;
  /** Ends the wait, with an error if there is one. */
  readonly end: (error?: unknown) => void;
}

/** The streams that have seen everything and wait for more. */
export class Waiters {
  readonly #waiting = new Set<Waiter>();

  /** Waits until it is woken, the time is over, or the signal fires. Throws what `take` throws. */
  wait(ms: number, signal: AbortSignal, take: Take): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        take,
        end: (error) => {
          clearTimeout(timer);
          signal.removeEventListener('abort', wake);
          this.#waiting.delete(waiter);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      const wake = () => waiter.end();
      const timer = setTimeout(wake, ms);
      signal.addEventListener('abort', wake, { once: true });
      this.#waiting.add(waiter);
    });
  }

  /** Gives everybody what has come, in one sweep; to wake each of a thousand costs far more. */
  offer(arrival: Arrival): void {
    for (const { take, end } of [...this.#waiting]) {
      try {
        if (!take(arrival)) end();
      } catch (error) {
        end(error);
      }
    }
  }

  /** Wakes everybody. */
  wake(): void {
    for (const { end } of [...this.#waiting]) end();
  }
}
