import { ErrorReason, hasErrorReason } from '../errors/app-error.ts';
import { AppendError, LogGenerationError } from '../messaging/bus/event-log.ts';
import type { Logger } from '../observability/logger.ts';

/** A loop that has failed for this long is logged even if the server it needs is known to be down. */
const OUTAGE_LOG_DELAY_MS = 60_000;
/** The time between two log lines about a loop that keeps failing. */
const LOG_INTERVAL_MS = 60_000;

/**
 * Limits what a failing loop writes to the log. A server that is down is logged once elsewhere, so a round that fails for that
 * reason is logged only when it lasts. Of other failures the first is logged with its stack, and then one per minute with their
 * number.
 */
export class LoopFailureLog {
  readonly #loop: string;
  readonly #logger: Logger;
  #failingSince: number | undefined;
  #loggedAt: number | undefined;
  #count = 0;

  constructor(loop: string, logger: Logger) {
    this.#loop = loop;
    this.#logger = logger;
  }

  recordSuccess(): void {
    this.#failingSince = undefined;
    this.#loggedAt = undefined;
    this.#count = 0;
  }

  recordFailure(error: unknown): void {
    const now = performance.now();
    this.#failingSince ??= now;
    this.#count += 1;
    const outage = isOutage(error);
    const line = { event: 'loop_failed', loop: this.#loop, failures: this.#count };
    const isDue = now - (this.#loggedAt ?? Number.NEGATIVE_INFINITY) >= LOG_INTERVAL_MS;
    if (!isDue || (outage && now - this.#failingSince < OUTAGE_LOG_DELAY_MS)) {
      this.#logger.debug({ ...line, err: error }, `${this.#loop} failed`);
      return;
    }
    this.#loggedAt = now;
    const errorFields = outage ? { error: error instanceof Error ? error.message : String(error) } : { err: error };
    this.#logger.warn({ ...line, ...errorFields }, `${this.#loop} failed`);
  }
}

/** The log level for a failure of background work that is retried. */
export function failureLogLevel(error: unknown): 'debug' | 'warn' {
  return isOutage(error) ? 'debug' : 'warn';
}

/** Whether a server or a service is down, or another process did the same work: a stack would not help. */
function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (hasErrorReason(error, ErrorReason.SERVICE_UNAVAILABLE) || hasErrorReason(error, ErrorReason.DEADLINE_EXCEEDED))
    return true;
  if (error instanceof LogGenerationError || error instanceof AppendError || error.name === 'NatsError') return true;
  return isOutage(error.cause);
}
