import type { StreamEvent } from './stream-event.ts';

/** What has come to the end of a log: everything in (after, upTo]. */
export interface EventBatch {
  readonly generationId: string;
  readonly after: bigint;
  readonly events: readonly StreamEvent[];
  readonly upTo: bigint;
}

/** Takes what has come and goes on waiting; false when whoever waits has to be woken for it. */
export type BatchListener = (batch: EventBatch) => boolean;

interface Subscriber {
  readonly listener: BatchListener;
  /** Ends the wait, with an error if there is one. */
  readonly end: (error?: unknown) => void;
}

/** The streams that have seen everything and wait for more. */
export class Subscribers {
  readonly #subscribers = new Set<Subscriber>();

  /** Waits until it is woken, the time is over, or the signal fires. Throws what `take` throws. */
  wait(ms: number, signal: AbortSignal, listener: BatchListener): Promise<void> {
    return new Promise((resolve, reject) => {
      const subscriber: Subscriber = {
        listener,
        end: (error) => {
          clearTimeout(timer);
          signal.removeEventListener('abort', finish);
          this.#subscribers.delete(subscriber);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      const finish = () => subscriber.end();
      const timer = setTimeout(finish, ms);
      signal.addEventListener('abort', finish, { once: true });
      this.#subscribers.add(subscriber);
    });
  }

  /** Gives everybody what has come, in one sweep; to wake each of a thousand costs far more. */
  publish(batch: EventBatch): void {
    for (const { listener, end } of [...this.#subscribers]) {
      try {
        if (!listener(batch)) end();
      } catch (error) {
        end(error);
      }
    }
  }

  /** Wakes everybody. */
  wakeAll(): void {
    for (const { end } of [...this.#subscribers]) end();
  }
}
