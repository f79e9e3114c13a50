import { createInbox, ErrorCode, type Msg, type MsgHdrs, type NatsConnection, NatsError } from 'nats';
import { type Appended, NotAppended } from './event-log.ts';

/** The stream is another one than the message was meant for. */
const OTHER_STREAM = 10060;
const UNSENDABLE = new Set<string>([ErrorCode.MaxPayloadExceeded, ErrorCode.BadSubject, ErrorCode.BadHeader]);

interface Waiter {
  /** Of performance.now(). */
  readonly until: number;
  readonly answer: (result: Appended) => void;
}

/** What a stream answers to a message. */
interface PubAck {
  readonly stream?: string;
  readonly seq?: number;
  readonly error?: { readonly code: number; readonly err_code?: number; readonly description?: string };
}

/**
 * Publishes to streams over one connection. All answers come to one inbox and one timer watches over all of them: the
 * client's own way makes an error with a stack and a timer for every message.
 */
export class NatsPublisher {
  readonly #nc: NatsConnection;
  readonly #timeoutMs: number;
  readonly #inbox = `${createInbox()}.`;
  /** By the last word of their reply subject, the longest waiting first. */
  readonly #waiting = new Map<string, Waiter>();
  #sent = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(nc: NatsConnection, timeoutMs: number) {
    this.#nc = nc;
    this.#timeoutMs = timeoutMs;
    nc.subscribe(`${this.#inbox}*`, { callback: (error, msg) => (error ? this.#fail(error) : this.#receive(msg)) });
    void nc.closed().then((error) => this.#fail(error ?? new Error('the connection to NATS was lost')));
  }

  /** The position of the message when it is durable, or why it is not. Never throws. */
  publish(subject: string, payload: Uint8Array, headers: MsgHdrs): Promise<Appended> {
    this.#sent += 1;
    const token = this.#sent.toString(36);
    try {
      this.#nc.publish(subject, payload, { reply: this.#inbox + token, headers });
    } catch (error) {
      return Promise.resolve(unsent(error));
    }
    return new Promise((answer) => {
      this.#waiting.set(token, { until: performance.now() + this.#timeoutMs, answer });
      this.#watch();
    });
  }

  #receive(msg: Msg): void {
    const token = msg.subject.slice(this.#inbox.length);
    const waiter = this.#waiting.get(token);
    this.#waiting.delete(token);
    waiter?.answer(answerOf(msg));
  }

  /** Wakes for the one that has waited longest; an answer that comes in time does not touch the timer. */
  #watch(): void {
    const [oldest] = this.#waiting.values();
    if (this.#timer || !oldest) return;
    this.#timer = setTimeout(() => this.#expire(), oldest.until - performance.now()).unref();
  }

  #expire(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const [token, { until, answer }] of this.#waiting) {
      if (until > now) break;
      this.#waiting.delete(token);
      answer(new NotAppended('lost', 'NATS does not answer'));
    }
    this.#watch();
  }

  #fail(cause: Error): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { answer } of waiting) answer(new NotAppended('lost', cause.message, { cause }));
  }
}

/** Without an answer of the stream, only a message that cannot be sent at all is refused. */
function unsent(error: unknown): NotAppended {
  const refused = !(error instanceof NatsError) || UNSENDABLE.has(error.code);
  const message = error instanceof Error ? error.message : String(error);
  return new NotAppended(refused ? 'refused' : 'lost', message, { cause: error });
}

function answerOf(msg: Msg): Appended {
  // a status of the server alone, such as 503: no stream listens
  if (msg.data.length === 0) return new NotAppended('lost', msg.headers?.status || 'NATS answered nothing');
  const { stream, seq, error } = ackOf(msg);
  if (error)
    return new NotAppended(error.err_code === OTHER_STREAM ? 'lost' : 'refused', error.description ?? `${error.code}`);
  if (!stream || seq === undefined) return new NotAppended('lost', 'NATS answered something else');
  return BigInt(seq);
}

function ackOf(msg: Msg): PubAck {
  try {
    return msg.json<PubAck>();
  } catch {
    return {};
  }
}
