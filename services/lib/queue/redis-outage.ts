import type { Redis } from 'ioredis';
import type { Logger } from '../log.ts';

/** How often a server that is a replica is left, to find out where its address leads now. */
const LEAVE_MS = 1_000;

/** Why Redis does not take a command: by the word that its error begins with. */
const faults: Readonly<Record<string, string>> = {
  READONLY: 'read_only',
  OOM: 'full',
  MISCONF: 'failing',
  NOAUTH: 'refused',
  WRONGPASS: 'refused',
  NOPERM: 'refused',
};

/** Why a command failed: `away` when no answer came. */
export function redisFault(error: unknown): string {
  const [word = ''] = (error instanceof Error ? error.message : '').split(' ', 1);
  return faults[word] ?? 'away';
}

/**
 * Logs the beginning and the end of an outage once: of a server that is away, and of one that takes no writes. A replica is
 * left, since behind a failover the same address leads to another server.
 */
export class RedisOutage {
  readonly #redis: Redis;
  readonly #logger: Logger;
  #reason: string | undefined;
  #last: Error | undefined;
  #leftAt = Number.NEGATIVE_INFINITY;

  constructor(redis: Redis, logger: Logger) {
    this.#redis = redis;
    this.#logger = logger;
    redis.on('error', (error: Error) => {
      this.#last = error;
    });
    // not `close`: the end that we chose is no outage
    redis.on('reconnecting', () => this.#begin('away', this.#last));
    redis.on('ready', () => this.#reason === 'away' && this.#end());
  }

  /** Why it is out now, as the log has told. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** What a command met with; what is away is told by its connection. */
  failed(error: unknown): void {
    const reason = redisFault(error);
    if (reason === 'away') return;
    this.#begin(reason, error);
    if (reason !== 'read_only' || performance.now() - this.#leftAt < LEAVE_MS) return;
    this.#leftAt = performance.now();
    this.#redis.disconnect(true);
  }

  /** A write was taken. */
  succeeded(): void {
    if (this.#reason !== undefined) this.#end();
  }

  #begin(reason: string, error: unknown): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    const text = error instanceof Error ? error.message : undefined;
    const sentence = reason === 'away' ? 'Redis does not answer; reconnecting' : `Redis takes no writes (${reason})`;
    this.#logger.warn({ event: 'redis_lost', reason, error: text }, sentence);
  }

  #end(): void {
    this.#reason = undefined;
    this.#logger.info({ event: 'redis_back' }, 'Redis answers again');
  }
}
