import { backoff, pause } from '../bell.ts';
import type { Logger } from '../log.ts';
import { type EventLog, type LogBounds, LogChanged, type LoggedEvent } from './event-log.ts';
import { NatsBell } from './nats-bell.ts';
import { type NatsLink, NatsLinks } from './nats-link.ts';
import { NatsLogWriter } from './nats-log-writer.ts';
import { openPull, pull } from './nats-pull.ts';
import { NatsStream } from './nats-stream.ts';
import { SharedTails } from './shared-tails.ts';

const BATCH = 256;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** How long a read waits for records that the server has announced. */
const READ_MS = 5_000;

export interface NatsEventLogOptions {
  /** `nats://user:password@host:4222`. */
  readonly url: string;
  readonly logger: Logger;
  /** What stream names begin with; lower-cased it is the subjects' prefix. Default `AUTOSESSION`. */
  readonly streamName?: string;
}

/**
 * The event log in NATS JetStream (server 2.9 or later, with `--jetstream`). Waits some seconds for a server that is not
 * there yet, then throws. Later outages make calls throw and tails wait.
 */
export async function natsEventLog(options: NatsEventLogOptions): Promise<EventLog> {
  const links = new NatsLinks(options.url, options.logger);
  const log = new NatsEventLog(links, new NatsStream(options.streamName ?? 'AUTOSESSION'));
  try {
    await links.waitForServer();
    await log.bounds();
    return log;
  } catch (error) {
    await log[Symbol.asyncDispose]();
    throw error;
  }
}

class NatsEventLog implements EventLog {
  readonly name = 'NATS JetStream';
  readonly apart = true;
  readonly #links: NatsLinks;
  readonly #stream: NatsStream;
  readonly #bell: NatsBell;
  readonly #tails = new SharedTails(this.#tail.bind(this));

  constructor(links: NatsLinks, stream: NatsStream) {
    this.#links = links;
    this.#stream = stream;
    // beside the log's subjects, which have three parts
    this.#bell = new NatsBell(links, `${stream.prefix}-bell`);
  }

  async bounds(): Promise<LogBounds> {
    const { link, incarnation } = await this.#open();
    return this.#stream.bounds(link, incarnation);
  }

  async writer(): Promise<NatsLogWriter> {
    const { link, incarnation } = await this.#open();
    return new NatsLogWriter(link, this.#stream, incarnation);
  }

  async read(after: bigint, limit: number): Promise<LoggedEvent[]> {
    const { link, incarnation } = await this.#open();
    const consumer = await openPull(link, incarnation, after);
    const count = Math.min(limit, consumer.waiting);
    const events: LoggedEvent[] = [];
    if (count === 0) return events;
    const within = AbortSignal.timeout(READ_MS);
    for await (const batch of pull(link, consumer, count, within)) {
      events.push(...batch);
      if (events.length >= count) return events;
    }
    throw new Error('NATS did not deliver what it announced');
  }

  tail(after: bigint, signal: AbortSignal, incarnation: string): AsyncIterable<LoggedEvent[]> {
    return this.#tails.tail(after, signal, incarnation);
  }

  /** A tail with a reader at the server of its own, over all connections. */
  async *#tail(after: bigint, signal: AbortSignal, incarnation: string): AsyncIterable<LoggedEvent[]> {
    let at = after;
    for (let failures = 0; !signal.aborted; ) {
      try {
        const { link, incarnation: found } = await this.#open();
        if (found !== incarnation) throw new LogChanged('the event log was made anew');
        for await (const batch of this.#follow(link, incarnation, at, signal)) {
          failures = 0;
          at = batch.at(-1)?.position ?? at;
          yield batch;
        }
      } catch (error) {
        if (error instanceof LogChanged) throw error;
      }
      failures += 1;
      await pause(backoff(failures, FIRST_PAUSE_MS, LONGEST_PAUSE_MS), signal);
    }
  }

  /** The records behind `after` for as long as this connection and reader live. */
  async *#follow(link: NatsLink, stream: string, after: bigint, signal: AbortSignal): AsyncGenerator<LoggedEvent[]> {
    const consumer = await openPull(link, stream, after);
    // asked behind the reader's start: what has gone by now may have been gone before
    const bounds = await this.#stream.bounds(link, stream);
    if (after < bounds.before || after > bounds.last)
      throw new LogChanged(`the event log does not go on behind ${after}`);
    yield* pull(link, consumer, BATCH, signal);
  }

  ring(): void {
    this.#bell.ring();
  }

  onRing(hook: () => void): Disposable {
    return this.#bell.onRing(hook);
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
    await this.#links[Symbol.asyncDispose]();
  }

  async #open(): Promise<{ link: NatsLink; incarnation: string }> {
    const link = await this.#links.current();
    this.#bell.listenOn(link);
    return { link, incarnation: await this.#stream.find(link) };
  }
}
