import type { StreamEvent } from './stream-event.ts';

/** New events at the end of a log: all in (after, upTo]. */
export interface EventBatch {
  readonly generationId: string;
  readonly after: bigint;
  readonly events: readonly StreamEvent[];
  readonly upTo: bigint;
}

/** Handles a batch; returns false if the subscriber must stop waiting and read it by itself. */
export type BatchListener = (batch: EventBatch) => boolean;

interface Subscriber {
  readonly listener: BatchListener;
  /** Ends the wait, with an error if one is given. */
  readonly end: (error?: unknown) => void;
}

/** The streams that have sent every event and wait for more. */
export class Subscribers {
  readonly #subscribers = new Set<Subscriber>();

  /** Waits until it is woken, the time is over, or the signal is aborted. Throws what `listener` throws. */
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

  /** Calls all listeners in one pass: waking a thousand streams one by one costs far more. */
  publish(batch: EventBatch): void {
    for (const { listener, end } of [...this.#subscribers]) {
      try {
        if (!listener(batch)) end();
      } catch (error) {
        end(error);
      }
    }
  }

  /** Ends all waits. */
  wakeAll(): void {
    for (const { end } of [...this.#subscribers]) end();
  }
}
