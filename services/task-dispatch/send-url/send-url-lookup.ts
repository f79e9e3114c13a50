import { LRUCache } from 'lru-cache';
import type { SendUrlLookupConfig } from '../../lib/config/config.ts';
import type { Logger } from '../../lib/observability/logger.ts';
import { exponentialBackoff } from '../../lib/runtime/backoff.ts';
import type { Clock } from '../../lib/runtime/clock.ts';
import { sleep } from '../../lib/runtime/sleep.ts';
import { lookupAddress } from '../domain/send-url.ts';
import type { StoredTask } from '../domain/task.ts';
import { placeholderValues } from '../domain/task-to-proto.ts';
import type { TaskMetrics } from '../metrics.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import { requestSendUrl, SendUrlLookupError } from './request-send-url.ts';
import { Semaphore } from './semaphore.ts';

const MAX_CACHE_ENTRIES = 10_000;
const MAX_CONCURRENT = 16;
const MAX_QUEUED = 512;
const MAX_ATTEMPTS = 3;
const MIN_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 200;
/** The order system may have a URL soon. */
const NEGATIVE_TTL_MS = 10_000;

interface LookupDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<TaskMetrics, 'sendUrls'>;
}

/**
 * Looks up the send URLs of tasks in the order system. Responses are cached, concurrent lookups of one address share a request,
 * and no lookup takes longer than the configured time.
 */
export class SendUrlLookup {
  readonly #config: SendUrlLookupConfig;
  readonly #deps: LookupDeps;
  readonly #cache: LRUCache<string, string>;
  readonly #inFlight = new Map<string, Promise<string>>();
  readonly #breaker = new CircuitBreaker();
  readonly #semaphore = new Semaphore(MAX_CONCURRENT, MAX_QUEUED);

  constructor(config: SendUrlLookupConfig, deps: LookupDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#cache = new LRUCache({
      max: MAX_CACHE_ENTRIES,
      ttlResolution: 0,
      perf: { now: () => deps.clock.monotonic() },
    });
  }

  /** The send URL of the task; empty when the order system has none. Throws SendUrlLookupError. */
  async find(task: StoredTask): Promise<string> {
    const address = lookupAddress(this.#config.url, placeholderValues(task));
    if (address === undefined) return this.#count('none', '');
    const key = JSON.stringify([task.tenant, address]);
    const cached = this.#cache.get(key);
    if (cached !== undefined) return this.#count('remembered', cached);
    const running = this.#inFlight.get(key);
    if (running) return this.#count('shared', running);
    const lookup = this.#lookUp(key, address, task).finally(() => this.#inFlight.delete(key));
    this.#inFlight.set(key, lookup);
    return lookup;
  }

  /** Starts a lookup whose result will be needed soon. */
  prefetch(task: StoredTask): void {
    // find() reports a failure, or tries again
    this.find(task).catch(() => {});
  }

  /** Seconds until a client should try again. */
  get retryAfterSeconds(): number {
    return Math.max(1, Math.ceil(this.#breaker.retryAfterMs(this.#deps.clock.monotonic()) / 1_000));
  }

  async #lookUp(key: string, address: string, task: StoredTask): Promise<string> {
    const { logger } = this.#deps;
    try {
      const sendUrl = await this.#requestWithRetry(address, task.tenant, AbortSignal.timeout(this.#config.timeoutMs));
      const ttlMs = this.#config.cacheSeconds * 1_000;
      const ttl = sendUrl ? ttlMs : Math.min(ttlMs, NEGATIVE_TTL_MS);
      if (ttl > 0) this.#cache.set(key, sendUrl, { ttl }); // for the library a ttl of 0 means no expiry
      return this.#count(sendUrl ? 'found' : 'none', sendUrl);
    } catch (error) {
      const { reason } = error instanceof SendUrlLookupError ? error : new SendUrlLookupError('timeout');
      this.#count(reason, '');
      const line = { event: 'send_url_lookup_failed', reason, session_id: task.sessionId, task_id: task.taskId };
      logger.warn(line, `the send URL of ${task.taskId} could not be looked up: ${reason}`);
      throw new SendUrlLookupError(reason);
    }
  }

  async #requestWithRetry(address: string, tenant: string, signal: AbortSignal): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#requestOnce(address, tenant, signal);
      } catch (error) {
        if (!(error instanceof SendUrlLookupError) || !error.retryable || attempt === MAX_ATTEMPTS) throw error;
        await sleep(exponentialBackoff(attempt, MIN_BACKOFF_MS, MAX_BACKOFF_MS), signal);
      }
    }
  }

  /** One request may take half of the time, so that a retry can follow one that hangs. */
  async #requestOnce(address: string, tenant: string, signal: AbortSignal): Promise<string> {
    using permit = await this.#semaphore.acquire(signal);
    if (!permit) throw new SendUrlLookupError('busy', { retryable: false });
    if (!this.#breaker.allowRequest(this.#deps.clock.monotonic()))
      throw new SendUrlLookupError('circuit_open', { retryable: false });
    const attemptSignal = AbortSignal.any([signal, AbortSignal.timeout(this.#config.timeoutMs / 2)]);
    try {
      const sendUrl = await requestSendUrl(address, this.#config, tenant, attemptSignal);
      this.#breaker.recordSuccess();
      return sendUrl;
    } catch (error) {
      if (error instanceof SendUrlLookupError && !error.retryable) this.#breaker.recordSuccess();
      else this.#breaker.recordFailure(this.#deps.clock.monotonic());
      throw error;
    }
  }

  #count<T>(outcome: string, result: T): T {
    this.#deps.metrics.sendUrls.inc({ outcome });
    return result;
  }
}
