import { LogChanged, NotAppended } from './bus/event-log.ts';
import { ErrorReason, isRefusal } from './errors/refuse.ts';
import type { Logger } from './log.ts';

/** A loop that has failed for this long is logged even if the server it needs is known to be down. */
const LONG_MS = 60_000;
/** The time between two log lines about a loop that keeps failing. */
const REPEAT_MS = 60_000;

/**
 * Limits what a failing loop writes to the log. A server that is down is logged once elsewhere, so a round that fails for that
 * reason is logged only when it lasts. Of other failures the first is logged with its stack, and then one per minute with their
 * number.
 */
export class LoopFailures {
  readonly #loop: string;
  readonly #logger: Logger;
  #since: number | undefined;
  #toldAt: number | undefined;
  #count = 0;

  constructor(loop: string, logger: Logger) {
    this.#loop = loop;
    this.#logger = logger;
  }

  succeeded(): void {
    this.#since = undefined;
    this.#toldAt = undefined;
    this.#count = 0;
  }

  failed(error: unknown): void {
    const now = performance.now();
    this.#since ??= now;
    this.#count += 1;
    const outage = isOutage(error);
    const line = { event: 'loop_failed', loop: this.#loop, failures: this.#count };
    const isDue = now - (this.#toldAt ?? Number.NEGATIVE_INFINITY) >= REPEAT_MS;
    if (!isDue || (outage && now - this.#since < LONG_MS)) {
      this.#logger.debug({ ...line, err: error }, `${this.#loop} failed`);
      return;
    }
    this.#toldAt = now;
    const what = outage ? { error: error instanceof Error ? error.message : String(error) } : { err: error };
    this.#logger.warn({ ...line, ...what }, `${this.#loop} failed`);
  }
}

/** The log level for a failure of background work that is retried. */
export function failureLevel(error: unknown): 'debug' | 'warn' {
  return isOutage(error) ? 'debug' : 'warn';
}

/** Whether a server or a service is down, or another process did the same work: a stack would not help. */
function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (isRefusal(error, ErrorReason.SERVICE_UNAVAILABLE) || isRefusal(error, ErrorReason.DEADLINE_EXCEEDED)) return true;
  if (error instanceof LogChanged || error instanceof NotAppended || error.name === 'NatsError') return true;
  return isOutage(error.cause);
}
