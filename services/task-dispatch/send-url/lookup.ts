import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../lib/clock.ts';
import type { SendUrlLookupConfig } from '../../lib/config.ts';
import type { Logger } from '../../lib/log.ts';
import type { Metrics } from '../../lib/metrics.ts';
import { lookupAddress } from '../domain/send-url.ts';
import type { StoredTask } from '../domain/task.ts';
import { placeholderValues } from '../domain/task-message.ts';
import { Breaker } from './breaker.ts';
import { Places } from './places.ts';
import { Remembered } from './remembered.ts';
import { LookupFailed, requestSendUrl } from './request.ts';

const AT_ONCE = 16;
const MOST_WAITING = 512;
const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 100;
/** That there is no page yet is soon not true any more. */
const NONE_MS = 10_000;

interface LookupDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * Asks the order system for the page of a task. Answers are remembered, equal questions at the same time are one, and an
 * order system that does not answer keeps nobody waiting for longer than the configured time.
 */
export class SendUrlLookup {
  readonly #config: SendUrlLookupConfig;
  readonly #deps: LookupDeps;
  readonly #remembered = new Remembered();
  readonly #underWay = new Map<string, Promise<string>>();
  readonly #breaker = new Breaker();
  readonly #places = new Places(AT_ONCE, MOST_WAITING);

  constructor(config: SendUrlLookupConfig, deps: LookupDeps) {
    this.#config = config;
    this.#deps = deps;
  }

  /** The task's page; empty when the order system has none. Throws LookupFailed. */
  async find(task: StoredTask): Promise<string> {
    const address = lookupAddress(this.#config.url, placeholderValues(task));
    if (address === undefined) return this.#count('none', '');
    const key = JSON.stringify([task.tenant, address]);
    const known = this.#remembered.get(key, this.#deps.clock.monotonic());
    if (known !== undefined) return this.#count('remembered', known);
    const running = this.#underWay.get(key);
    if (running) return this.#count('shared', running);
    const lookup = this.#ask(key, address, task).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, lookup);
    return lookup;
  }

  /** Begins to look, for somebody who will ask soon. */
  warm(task: StoredTask): void {
    // whoever asks then hears of a failure, or has it tried again
    this.find(task).catch(() => {});
  }

  /** Seconds after which it is worth asking again. */
  get retryAfterSeconds(): number {
    return Math.max(1, Math.ceil(this.#breaker.closedIn(this.#deps.clock.monotonic()) / 1_000));
  }

  async #ask(key: string, address: string, task: StoredTask): Promise<string> {
    const { clock, logger } = this.#deps;
    try {
      const page = await this.#tryRepeatedly(address, task.tenant, AbortSignal.timeout(this.#config.timeoutMs));
      const lasting = this.#config.cacheSeconds * 1_000;
      this.#remembered.set(key, page, clock.monotonic() + (page ? lasting : Math.min(lasting, NONE_MS)));
      return this.#count(page ? 'found' : 'none', page);
    } catch (error) {
      const { reason } = error instanceof LookupFailed ? error : new LookupFailed('timeout');
      this.#count(reason, '');
      const line = { event: 'send_url_lookup_failed', reason, session_id: task.sessionId, task_id: task.taskId };
      logger.warn(line, `the page of ${task.taskId} could not be looked up: ${reason}`);
      throw new LookupFailed(reason);
    }
  }

  async #tryRepeatedly(address: string, tenant: string, signal: AbortSignal): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#tryOnce(address, tenant, signal);
      } catch (error) {
        if (!(error instanceof LookupFailed) || !error.passing || attempt === ATTEMPTS) throw error;
        await delay(FIRST_PAUSE_MS * 2 ** (attempt - 1), undefined, { signal });
      }
    }
  }

  /** One that hangs has half of the time, so that another one can follow it. */
  async #tryOnce(address: string, tenant: string, signal: AbortSignal): Promise<string> {
    using place = await this.#places.take(signal);
    if (!place) throw new LookupFailed('busy', { passing: false });
    if (!this.#breaker.mayTry(this.#deps.clock.monotonic())) throw new LookupFailed('circuit_open', { passing: false });
    const patience = AbortSignal.any([signal, AbortSignal.timeout(this.#config.timeoutMs / 2)]);
    try {
      const page = await requestSendUrl(address, this.#config, tenant, patience);
      this.#breaker.succeeded();
      return page;
    } catch (error) {
      if (error instanceof LookupFailed && !error.passing) this.#breaker.succeeded();
      else this.#breaker.failed(this.#deps.clock.monotonic());
      throw error;
    }
  }

  #count<T>(outcome: string, result: T): T {
    this.#deps.metrics.sendUrls.inc({ outcome });
    return result;
  }
}
