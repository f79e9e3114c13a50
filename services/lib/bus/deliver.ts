import { backoff, pause } from '../bell.ts';
import { inRequest, systemContext } from '../context.ts';
import { failpoint } from '../failpoints.ts';
import type { EventHandler, RunningModule } from '../module.ts';
import { typeName } from '../outbox/outbox.ts';
import { eventIn } from './event-in.ts';
import type { LogRecord } from './event-log.ts';

export type Handlers = NonNullable<RunningModule['consumes']>;

/** How a delivery ended: `stopped` says that the process stops and nothing is known. */
export type Delivery = { outcome: 'done' | 'none' | 'stopped' } | { outcome: 'failed'; tries: number; error: unknown };

/** How long the calls of one handler may take; a handler that hangs would stop its consumer. */
const HANDLER_MS = 30_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/** Brings events to a consumer's handlers. */
export class Deliverer {
  readonly #consumer: string;
  readonly #handlers: ReadonlyMap<string, EventHandler>;

  constructor(consumer: string, handlers: Handlers) {
    this.#consumer = consumer;
    this.#handlers = new Map(Object.entries(handlers).map(([name, handler]) => [typeName(name), handler]));
  }

  /**
   * Runs the event's handler, if there is one, in the system's context of its tenant, with the event's id as the request's.
   * Tries at most `tries` times, with short pauses; what fails when the signal is aborted is `stopped`, not `failed`.
   */
  async deliver(record: LogRecord, tries: number, signal: AbortSignal): Promise<Delivery> {
    const handler = this.#handlers.get(record.type);
    if (!handler) return { outcome: 'none' };
    for (let count = 1; ; count++) {
      try {
        await this.#run(handler, record);
        break;
      } catch (error) {
        if (signal.aborted) return { outcome: 'stopped' };
        if (count >= tries) return { outcome: 'failed', tries: count, error };
      }
      await pause(backoff(count, FIRST_PAUSE_MS, LONGEST_PAUSE_MS), signal);
      if (signal.aborted) return { outcome: 'stopped' };
    }
    await failpoint(`consumer.after-handle:${this.#consumer}`);
    return { outcome: 'done' };
  }

  async #run(handler: EventHandler, record: LogRecord): Promise<void> {
    const event = eventIn(record);
    const context = { ...systemContext(record.tenant, record.eventId), deadline: performance.now() + HANDLER_MS };
    await inRequest(context, () => handler(event));
  }
}

/** An error as it is kept with a parked event. */
export function errorText(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 1_000);
}
