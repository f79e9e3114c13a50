import { AckPolicy, createInbox, DeliverPolicy, type Msg, nanos } from 'nats';
import { Bell } from '../bell.ts';
import type { LoggedEvent } from './event-log.ts';
import type { NatsLink } from './nats-link.ts';
import { eventOf } from './nats-record.ts';
import { gone } from './nats-stream.ts';

const EXPIRES_MS = 30_000;
const HEARTBEAT_MS = 5_000;
/** Two heartbeats and some: then the consumer is not there any more. */
const SILENCE_MS = 12_000;
/** How long the server keeps a reader that does not ask for more, such as one that is busy with what it has. */
const KEPT_IDLE_MS = 60_000;

/** A reader of a stream that the server keeps only as long as it is used. */
export interface PullConsumer {
  readonly stream: string;
  readonly name: string;
  /** How many records were behind its start when it was made. */
  readonly waiting: number;
}

/** Makes a reader that begins behind `after`. Throws LogChanged when the stream is gone. */
export async function openPull({ jsm }: NatsLink, stream: string, after: bigint): Promise<PullConsumer> {
  const info = await gone(() =>
    jsm.consumers.add(stream, {
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: Number(after + 1n),
      inactive_threshold: nanos(KEPT_IDLE_MS),
      mem_storage: true,
      num_replicas: 1,
    }),
  );
  return { stream, name: info.name, waiting: info.num_pending };
}

/**
 * What the reader delivers, in batches of at most `size`, as it comes. Asks for the next `size` when the last ones have
 * been taken, so nothing piles up. Ends when the signal aborts and when anything is wrong: a lost connection, a deleted
 * reader, silence, a delivery that was missed. Then open another one behind the last record.
 */
export async function* pull(
  link: NatsLink,
  consumer: PullConsumer,
  size: number,
  signal: AbortSignal,
): AsyncGenerator<LoggedEvent[]> {
  const inbox = new Inbox(link, consumer);
  try {
    while (!signal.aborted && !inbox.broken) {
      if (inbox.due === 0) inbox.ask(size);
      await inbox.bell.wait(SILENCE_MS, signal);
      const batch = inbox.take();
      if (batch.length > 0) yield batch;
    }
  } finally {
    inbox.close();
    void link.jsm.consumers.delete(consumer.stream, consumer.name).catch(() => {}); // else it ends by itself
  }
}

/** Where the server delivers to. */
class Inbox {
  readonly bell = new Bell();
  broken = false;
  /** Records that were asked for and have not come. */
  due = 0;
  readonly #link: NatsLink;
  readonly #consumer: PullConsumer;
  readonly #subject = createInbox();
  readonly #close: () => void;
  #events: LoggedEvent[] = [];
  #delivered = 0;
  #heardAt = performance.now();

  constructor(link: NatsLink, consumer: PullConsumer) {
    this.#link = link;
    this.#consumer = consumer;
    const callback = (error: Error | null, msg: Msg) => (error ? this.#break() : this.#receive(msg));
    const subscription = link.nc.subscribe(this.#subject, { callback });
    this.#close = () => subscription.unsubscribe();
    void link.nc.closed().then(() => this.#break());
  }

  ask(batch: number): void {
    const request = { batch, expires: nanos(EXPIRES_MS), idle_heartbeat: nanos(HEARTBEAT_MS) };
    const { stream, name } = this.#consumer;
    this.#link.nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, JSON.stringify(request), {
      reply: this.#subject,
    });
    this.due = batch;
    this.#heardAt = performance.now();
  }

  /** What has come; also looks whether the server has been silent for too long. */
  take(): LoggedEvent[] {
    if (this.due > 0 && performance.now() - this.#heardAt > SILENCE_MS) this.broken = true;
    const events = this.#events;
    this.#events = [];
    return events;
  }

  close(): void {
    if (!this.#link.nc.isClosed()) this.#close();
  }

  #receive(msg: Msg): void {
    this.#heardAt = performance.now();
    if (msg.subject !== this.#subject) this.#deliver(msg);
    else if (msg.headers?.code === 100)
      return; // a heartbeat
    // the request has run out, there is nothing wrong
    else if (msg.headers?.code === 408 || msg.headers?.code === 404) this.due = 0;
    else this.broken = true;
    this.bell.ring();
  }

  /** `$JS.ACK.<stream>.<consumer>.<tries>.<stream seq>.<consumer seq>.…`, with two more words in front of the stream in newer servers. */
  #deliver(msg: Msg): void {
    const words = msg.reply?.split('.') ?? [];
    const from = words.length >= 11 ? 6 : 4;
    const [streamSeq, consumerSeq] = [words[from + 1], words[from + 2]];
    if (!streamSeq || Number(consumerSeq) !== this.#delivered + 1) this.broken = true;
    if (this.broken || !streamSeq) return;
    this.#delivered += 1;
    this.due -= 1;
    this.#events.push(eventOf(msg, BigInt(streamSeq)));
  }

  #break(): void {
    this.broken = true;
    this.bell.ring();
  }
}
