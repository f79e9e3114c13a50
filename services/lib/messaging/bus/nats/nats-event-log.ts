import type { Logger } from '../../../observability/logger.ts';
import { exponentialBackoff } from '../../../runtime/backoff.ts';
import { sleep } from '../../../runtime/sleep.ts';
import { type EventLog, type LogBounds, LogGenerationError, type LoggedEvent } from '../event-log.ts';
import { SharedLogReaders } from '../log-reader/shared-log-readers.ts';
import { type NatsClient, NatsConnector } from './nats-connector.ts';
import { NatsLogWriter } from './nats-log-writer.ts';
import { NatsNotifier } from './nats-notifier.ts';
import { openPullConsumer, pullBatches } from './nats-pull-consumer.ts';
import { NatsStream } from './nats-stream.ts';

const BATCH_SIZE = 256;
const MIN_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 5_000;
/** How long a read waits for records that the server has announced. */
const READ_TIMEOUT_MS = 5_000;

export interface NatsEventLogOptions {
  /** `nats://user:password@host:4222`. */
  readonly url: string;
  readonly logger: Logger;
  /** What stream names begin with; lower-cased it is the subjects' prefix. Default `AUTOSESSION`. */
  readonly streamName?: string;
}

/**
 * The event log in NATS JetStream (server 2.9 or later, with `--jetstream`). Waits some seconds for a server that is
 * still starting, then throws. During later outages calls throw and readers wait.
 */
export async function natsEventLog(options: NatsEventLogOptions): Promise<EventLog> {
  const connector = new NatsConnector(options.url, options.logger);
  const log = new NatsEventLog(connector, new NatsStream(options.streamName ?? 'AUTOSESSION'));
  try {
    await connector.waitForServer();
    await log.bounds();
    return log;
  } catch (error) {
    await log[Symbol.asyncDispose]();
    throw error;
  }
}

class NatsEventLog implements EventLog {
  readonly name = 'NATS JetStream';
  readonly isOutsideDatabase = true;
  readonly #connector: NatsConnector;
  readonly #stream: NatsStream;
  readonly #notifier: NatsNotifier;
  readonly #sharedReaders = new SharedLogReaders(this.#tail.bind(this));

  constructor(connector: NatsConnector, stream: NatsStream) {
    this.#connector = connector;
    this.#stream = stream;
    // beside the log's subjects, which have three parts
    this.#notifier = new NatsNotifier(connector, `${stream.prefix}-bell`);
  }

  async bounds(): Promise<LogBounds> {
    const { link, incarnation: generationId } = await this.#openStream();
    return this.#stream.bounds(link, generationId);
  }

  async writer(): Promise<NatsLogWriter> {
    const { link, incarnation: generationId } = await this.#openStream();
    return new NatsLogWriter(link, this.#stream, generationId);
  }

  async read(after: bigint, limit: number): Promise<LoggedEvent[]> {
    const { link, incarnation: generationId } = await this.#openStream();
    const consumer = await openPullConsumer(link, generationId, after);
    const count = Math.min(limit, consumer.pendingCount);
    const events: LoggedEvent[] = [];
    if (count === 0) return events;
    const timeout = AbortSignal.timeout(READ_TIMEOUT_MS);
    for await (const batch of pullBatches(link, consumer, count, timeout)) {
      events.push(...batch);
      if (events.length >= count) return events;
    }
    throw new Error('NATS did not deliver what it announced');
  }

  tail(after: bigint, signal: AbortSignal, generationId: string): AsyncIterable<LoggedEvent[]> {
    return this.#sharedReaders.tail(after, signal, generationId);
  }

  /** A reader with a server-side consumer of its own, across reconnections. */
  async *#tail(after: bigint, signal: AbortSignal, generationId: string): AsyncIterable<LoggedEvent[]> {
    let position = after;
    for (let failures = 0; !signal.aborted; ) {
      try {
        const { link, incarnation: currentId } = await this.#openStream();
        if (currentId !== generationId) throw new LogGenerationError('the event log was recreated');
        for await (const batch of this.#follow(link, generationId, position, signal)) {
          failures = 0;
          position = batch.at(-1)?.position ?? position;
          yield batch;
        }
      } catch (error) {
        if (error instanceof LogGenerationError) throw error;
      }
      failures += 1;
      await sleep(exponentialBackoff(failures, MIN_BACKOFF_MS, MAX_BACKOFF_MS), signal);
    }
  }

  /** The records behind `after`, until this connection or consumer ends. */
  async *#follow(link: NatsClient, stream: string, after: bigint, signal: AbortSignal): AsyncGenerator<LoggedEvent[]> {
    const consumer = await openPullConsumer(link, stream, after);
    // after the consumer started: records that are missing now may have been missing before
    const bounds = await this.#stream.bounds(link, stream);
    if (after < bounds.before || after > bounds.last)
      throw new LogGenerationError(`the event log does not go on behind ${after}`);
    yield* pullBatches(link, consumer, BATCH_SIZE, signal);
  }

  notify(): void {
    this.#notifier.notify();
  }

  onNotify(hook: () => void): Disposable {
    return this.#notifier.onNotify(hook);
  }

  /** The stream's own max_age removes what is old. */
  async trim(): Promise<void> {}

  fault(): Promise<string | undefined> {
    return this.bounds().then(
      () => undefined,
      () => 'away',
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connector[Symbol.asyncDispose]();
  }

  async #openStream(): Promise<{ link: NatsClient; incarnation: string }> {
    const link = await this.#connector.current();
    this.#notifier.subscribeOn(link);
    return { link, incarnation: await this.#stream.findOrCreate(link) };
  }
}
