import { LogChanged, NotAppended } from './bus/event-log.ts';
import { ErrorReason, isRefusal } from './errors/refuse.ts';
import type { Logger } from './log.ts';

/** A loop that fails for so long is told of even if what it needs is known to be away. */
const LONG_MS = 60_000;
/** Between two lines about a loop that goes on failing. */
const REPEAT_MS = 60_000;

/**
 * What the log is told of the rounds of a loop that fail. A server that is away has told of itself, once: a round that fails
 * for that is worth a line only when it goes on for long. Of other failures the first has its stack, and one a minute
 * afterwards, with how many there were.
 */
export class LoopFailures {
  readonly #loop: string;
  readonly #logger: Logger;
  /** Since the last round that succeeded. */
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

/** At what level the failure of a piece of background work is told that is tried again. */
export function failureLevel(error: unknown): 'debug' | 'warn' {
  return isOutage(error) ? 'debug' : 'warn';
}

/** Whether a server or a service is away, or another process was at the same work: nothing that a stack would explain. */
function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (isRefusal(error, ErrorReason.SERVICE_UNAVAILABLE) || isRefusal(error, ErrorReason.DEADLINE_EXCEEDED)) return true;
  if (error instanceof LogChanged || error instanceof NotAppended || error.name === 'NatsError') return true;
  return isOutage(error.cause);
}
