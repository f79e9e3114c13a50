const TICK_MS = 20;

/**
 * How far the event loop is behind. Everything that arrived while it was busy waits unseen in its sockets, and is then
 * handled in one go: how long that has been going on is how long a request may have waited before anybody could look at it.
 */
export class LoopLag implements Disposable {
  #lastTick = performance.now();
  readonly #timer = setInterval(() => {
    this.#lastTick = performance.now();
  }, TICK_MS).unref();

  /** Milliseconds; 0 for a loop that keeps up. */
  now(): number {
    return Math.max(0, performance.now() - this.#lastTick - TICK_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
