import { setTimeout as delay } from 'node:timers/promises';

/** Waits, at most until the signal aborts; not at all for a time that is over. Never throws. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return;
  await delay(ms, undefined, { signal }).catch(() => {});
}

/** The pause before try `failures` + 1: doubles from `first` up to `longest` milliseconds. */
export function exponentialBackoff(failures: number, minMs: number, maxMs: number): number {
  return Math.min(minMs * 2 ** Math.min(failures - 1, 30), maxMs);
}

/** What one flow waits at and others ring. A ring while nobody waits is kept for the next wait. */
export class AsyncSignal {
  #notified = false;
  #wake: (() => void) | undefined;

  notify(): void {
    this.#notified = true;
    this.#wake?.();
  }

  /** Resolves at a ring, after `ms`, or when the signal aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#notified && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const end = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', end);
          resolve();
        };
        const timer = setTimeout(end, ms);
        signal.addEventListener('abort', end, { once: true });
        this.#wake = end;
      });
    }
    this.#wake = undefined;
    this.#notified = false;
  }
}
