import { exponentialBackoff } from '../../../runtime/backoff.ts';
import { failpoint } from '../../../runtime/failpoints.ts';
import type { EventHandler, RunningModule } from '../../../runtime/module.ts';
import { runInRequestContext, systemContext } from '../../../runtime/request-context.ts';
import { sleep } from '../../../runtime/sleep.ts';
import { eventTypeName } from '../../outbox/outbox.ts';
import { decodeEvent } from '../decode-event.ts';
import type { LogRecord } from '../event-log.ts';

export type EventHandlers = NonNullable<RunningModule['eventHandlers']>;

/** The outcome of a delivery; `stopped`: the process is stopping, so the outcome is unknown. */
export type DispatchResult =
  | { outcome: 'done' | 'none' | 'stopped' }
  | { outcome: 'failed'; tries: number; error: unknown };

/** How long the calls of one handler may take; a handler that hangs would stop its consumer. */
const HANDLER_TIMEOUT_MS = 30_000;
const MIN_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 1_000;

/** Invokes a consumer's handlers with retries. */
export class EventDispatcher {
  readonly #consumer: string;
  readonly #handlers: ReadonlyMap<string, EventHandler>;

  constructor(consumer: string, handlers: EventHandlers) {
    this.#consumer = consumer;
    this.#handlers = new Map(Object.entries(handlers).map(([name, handler]) => [eventTypeName(name), handler]));
  }

  /**
   * Runs the event's handler, if there is one, in the system's context of its tenant, with the event's id as the request's.
   * Tries at most `tries` times, with short pauses; a failure after the signal aborted is `stopped`, not `failed`.
   */
  async dispatch(record: LogRecord, maxAttempts: number, signal: AbortSignal): Promise<DispatchResult> {
    const handler = this.#handlers.get(record.type);
    if (!handler) return { outcome: 'none' };
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#run(handler, record);
        break;
      } catch (error) {
        if (signal.aborted) return { outcome: 'stopped' };
        if (attempt >= maxAttempts) return { outcome: 'failed', tries: attempt, error };
      }
      await sleep(exponentialBackoff(attempt, MIN_BACKOFF_MS, MAX_BACKOFF_MS), signal);
      if (signal.aborted) return { outcome: 'stopped' };
    }
    await failpoint(`consumer.after-handle:${this.#consumer}`);
    return { outcome: 'done' };
  }

  async #run(handler: EventHandler, record: LogRecord): Promise<void> {
    const event = decodeEvent(record);
    const context = {
      ...systemContext(record.tenant, record.eventId),
      deadline: performance.now() + HANDLER_TIMEOUT_MS,
    };
    await runInRequestContext(context, () => handler(event));
  }
}

/** The text of an error that is stored with a parked event. */
export function storedErrorMessage(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 1_000);
}
