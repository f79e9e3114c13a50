import { AckPolicy, createInbox, DeliverPolicy, type Msg, nanos } from 'nats';
import { AsyncSignal } from '../../../runtime/async-signal.ts';
import type { LoggedEvent } from '../event-log.ts';
import { decodeMessage } from './nats-codec.ts';
import type { NatsClient } from './nats-connector.ts';
import { notFoundAsLogGenerationError } from './nats-stream.ts';

const REQUEST_EXPIRY_MS = 30_000;
const HEARTBEAT_INTERVAL_MS = 5_000;
/** A little more than two heartbeats: after this silence the consumer no longer exists. */
const HEARTBEAT_TIMEOUT_MS = 12_000;
/** How long the server keeps a consumer that does not pull, for example while its records are processed. */
const INACTIVE_THRESHOLD_MS = 60_000;

/** An ephemeral consumer of a stream: the server removes it when it is not used. */
export interface NatsPullConsumer {
  readonly stream: string;
  readonly name: string;
  /** The number of records behind its start when it was created. */
  readonly pendingCount: number;
}

/** Creates a consumer that begins behind `after`. Throws LogGenerationError when the stream no longer exists. */
export async function openPullConsumer({ jsm }: NatsClient, stream: string, after: bigint): Promise<NatsPullConsumer> {
  const info = await notFoundAsLogGenerationError(() =>
    jsm.consumers.add(stream, {
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: Number(after + 1n),
      inactive_threshold: nanos(INACTIVE_THRESHOLD_MS),
      mem_storage: true,
      num_replicas: 1,
    }),
  );
  return { stream, name: info.name, pendingCount: info.num_pending };
}

/**
 * The consumer's records, in batches of at most `size`. Pulls the next `size` when the last ones have been processed, so
 * nothing accumulates. Ends when the signal aborts and on any fault: a lost connection, a deleted consumer, silence, a missed
 * delivery. Then open another one behind the last record.
 */
export async function* pullBatches(
  client: NatsClient,
  consumer: NatsPullConsumer,
  size: number,
  signal: AbortSignal,
): AsyncGenerator<LoggedEvent[]> {
  const inbox = new PullInbox(client, consumer);
  try {
    while (!signal.aborted && !inbox.isBroken) {
      if (inbox.outstanding === 0) inbox.request(size);
      await inbox.signal.wait(HEARTBEAT_TIMEOUT_MS, signal);
      const batch = inbox.takeEvents();
      if (batch.length > 0) yield batch;
    }
  } finally {
    inbox.close();
    void client.jsm.consumers.delete(consumer.stream, consumer.name).catch(() => {}); // otherwise it expires
  }
}

/** The inbox of the deliveries. */
class PullInbox {
  readonly signal = new AsyncSignal();
  isBroken = false;
  /** Records that were pulled and have not arrived. */
  outstanding = 0;
  readonly #client: NatsClient;
  readonly #consumer: NatsPullConsumer;
  readonly #subject = createInbox();
  readonly #unsubscribe: () => void;
  #events: LoggedEvent[] = [];
  #delivered = 0;
  #lastMessageAt = performance.now();

  constructor(client: NatsClient, consumer: NatsPullConsumer) {
    this.#client = client;
    this.#consumer = consumer;
    const callback = (error: Error | null, msg: Msg) => (error ? this.#fail() : this.#receive(msg));
    const subscription = client.nc.subscribe(this.#subject, { callback });
    this.#unsubscribe = () => subscription.unsubscribe();
    void client.nc.closed().then(() => this.#fail());
  }

  request(batch: number): void {
    const request = { batch, expires: nanos(REQUEST_EXPIRY_MS), idle_heartbeat: nanos(HEARTBEAT_INTERVAL_MS) };
    const { stream, name } = this.#consumer;
    this.#client.nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, JSON.stringify(request), {
      reply: this.#subject,
    });
    this.outstanding = batch;
    this.#lastMessageAt = performance.now();
  }

  /** The arrived records; ends when the server has been silent for too long. */
  takeEvents(): LoggedEvent[] {
    if (this.outstanding > 0 && performance.now() - this.#lastMessageAt > HEARTBEAT_TIMEOUT_MS) this.isBroken = true;
    const events = this.#events;
    this.#events = [];
    return events;
  }

  close(): void {
    if (!this.#client.nc.isClosed()) this.#unsubscribe();
  }

  #receive(msg: Msg): void {
    this.#lastMessageAt = performance.now();
    if (msg.subject !== this.#subject) this.#deliver(msg);
    else if (msg.headers?.code === 100)
      return; // a heartbeat
    // the pull request has expired, which is no fault
    else if (msg.headers?.code === 408 || msg.headers?.code === 404) this.outstanding = 0;
    else this.isBroken = true;
    this.signal.notify();
  }

  /** `$JS.ACK.<stream>.<consumer>.<tries>.<stream seq>.<consumer seq>.…`, with two more tokens before the stream in newer servers. */
  #deliver(msg: Msg): void {
    const tokens = msg.reply?.split('.') ?? [];
    const streamIndex = tokens.length >= 11 ? 6 : 4;
    const [streamSeq, consumerSeq] = [tokens[streamIndex + 1], tokens[streamIndex + 2]];
    if (!streamSeq || Number(consumerSeq) !== this.#delivered + 1) this.isBroken = true;
    if (this.isBroken || !streamSeq) return;
    this.#delivered += 1;
    this.outstanding -= 1;
    this.#events.push(decodeMessage(msg, BigInt(streamSeq)));
  }

  #fail(): void {
    this.isBroken = true;
    this.signal.notify();
  }
}
