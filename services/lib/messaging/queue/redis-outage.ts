import type { Redis } from 'ioredis';
import type { Logger } from '../../observability/logger.ts';

/** The time between two reconnections to a server that is a replica, to find out where its address leads now. */
const MIN_RECONNECT_INTERVAL_MS = 1_000;

/** Why Redis does not accept a command, by the code at the start of its error. */
const faultOfCode: Readonly<Record<string, string>> = {
  READONLY: 'read_only',
  OOM: 'full',
  MISCONF: 'failing',
  NOAUTH: 'refused',
  WRONGPASS: 'refused',
  NOPERM: 'refused',
};

/** Why a command failed: `away` when there was no answer. */
export function redisFault(error: unknown): string {
  const [code = ''] = (error instanceof Error ? error.message : '').split(' ', 1);
  return faultOfCode[code] ?? 'away';
}

/**
 * Logs the beginning and the end of an outage once: of a server that does not answer, and of one that accepts no writes. The
 * connection to a replica is closed, since after a failover the same address leads to another server.
 */
export class RedisOutage {
  readonly #redis: Redis;
  readonly #logger: Logger;
  #reason: string | undefined;
  #lastError: Error | undefined;
  #reconnectedAt = Number.NEGATIVE_INFINITY;

  constructor(redis: Redis, logger: Logger) {
    this.#redis = redis;
    this.#logger = logger;
    redis.on('error', (error: Error) => {
      this.#lastError = error;
    });
    // not `close`: a connection that this process closes is no outage
    redis.on('reconnecting', () => this.#begin('away', this.#lastError));
    redis.on('ready', () => this.#reason === 'away' && this.#end());
  }

  /** The reason of the current outage, as logged. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Receives the error of a command; a lost connection is reported by its own events. */
  reportFailure(error: unknown): void {
    const reason = redisFault(error);
    if (reason === 'away') return;
    this.#begin(reason, error);
    if (reason !== 'read_only' || performance.now() - this.#reconnectedAt < MIN_RECONNECT_INTERVAL_MS) return;
    this.#reconnectedAt = performance.now();
    this.#redis.disconnect(true);
  }

  /** A write succeeded. */
  reportSuccess(): void {
    if (this.#reason !== undefined) this.#end();
  }

  #begin(reason: string, error: unknown): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    const text = error instanceof Error ? error.message : undefined;
    const sentence = reason === 'away' ? 'Redis does not answer; reconnecting' : `Redis accepts no writes (${reason})`;
    this.#logger.warn({ event: 'redis_lost', reason, error: text }, sentence);
  }

  #end(): void {
    this.#reason = undefined;
    this.#logger.info({ event: 'redis_back' }, 'Redis answers again');
  }
}
