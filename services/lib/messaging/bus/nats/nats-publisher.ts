import { createInbox, ErrorCode, type Msg, type MsgHdrs, type NatsConnection, NatsError } from 'nats';
import { AppendError, type AppendResult } from '../event-log.ts';

/** The stream is not the one that the message names. */
const WRONG_STREAM_CODE = 10060;
const PERMANENT_ERROR_CODES = new Set<string>([
  ErrorCode.MaxPayloadExceeded,
  ErrorCode.BadSubject,
  ErrorCode.BadHeader,
]);

interface PendingPublish {
  /** Of performance.now(). */
  readonly deadline: number;
  readonly resolve: (result: AppendResult) => void;
}

/** The answer of a stream to a message. */
interface PubAck {
  readonly stream?: string;
  readonly seq?: number;
  readonly error?: { readonly code: number; readonly err_code?: number; readonly description?: string };
}

/**
 * Publishes to streams over one connection. All answers arrive in one inbox, and one timer covers all of them: the
 * client's own publish creates an error with a stack and a timer for every message.
 */
export class NatsPublisher {
  readonly #nc: NatsConnection;
  readonly #timeoutMs: number;
  readonly #inbox = `${createInbox()}.`;
  /** By the last token of their reply subject, the oldest first. */
  readonly #pending = new Map<string, PendingPublish>();
  #publishCount = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(nc: NatsConnection, timeoutMs: number) {
    this.#nc = nc;
    this.#timeoutMs = timeoutMs;
    nc.subscribe(`${this.#inbox}*`, { callback: (error, msg) => (error ? this.#fail(error) : this.#receive(msg)) });
    void nc.closed().then((error) => this.#fail(error ?? new Error('the connection to NATS was lost')));
  }

  /** The position of the message when it is durable, or why it is not. Never throws. */
  publish(subject: string, payload: Uint8Array, headers: MsgHdrs): Promise<AppendResult> {
    this.#publishCount += 1;
    const token = this.#publishCount.toString(36);
    try {
      this.#nc.publish(subject, payload, { reply: this.#inbox + token, headers });
    } catch (error) {
      return Promise.resolve(sendError(error));
    }
    return new Promise((resolve) => {
      this.#pending.set(token, { deadline: performance.now() + this.#timeoutMs, resolve });
      this.#startTimer();
    });
  }

  #receive(msg: Msg): void {
    const token = msg.subject.slice(this.#inbox.length);
    const pending = this.#pending.get(token);
    this.#pending.delete(token);
    pending?.resolve(appendResultOf(msg));
  }

  /** Set for the oldest message; an answer in time does not touch the timer. */
  #startTimer(): void {
    const [oldest] = this.#pending.values();
    if (this.#timer || !oldest) return;
    this.#timer = setTimeout(() => this.#expire(), oldest.deadline - performance.now()).unref();
  }

  #expire(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const [token, { deadline, resolve }] of this.#pending) {
      if (deadline > now) break;
      this.#pending.delete(token);
      resolve(new AppendError('lost', 'NATS does not answer'));
    }
    this.#startTimer();
  }

  #fail(cause: Error): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const allPending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { resolve } of allPending) resolve(new AppendError('lost', cause.message, { cause }));
  }
}

/** Without an answer of the stream, only a message that cannot be sent at all is refused. */
function sendError(error: unknown): AppendError {
  const refused = !(error instanceof NatsError) || PERMANENT_ERROR_CODES.has(error.code);
  const message = error instanceof Error ? error.message : String(error);
  return new AppendError(refused ? 'refused' : 'lost', message, { cause: error });
}

function appendResultOf(msg: Msg): AppendResult {
  // a status of the server alone, such as 503: no stream listens
  if (msg.data.length === 0) return new AppendError('lost', msg.headers?.status || 'NATS answered nothing');
  const { stream, seq, error } = parseAck(msg);
  if (error)
    return new AppendError(
      error.err_code === WRONG_STREAM_CODE ? 'lost' : 'refused',
      error.description ?? `${error.code}`,
    );
  if (!stream || seq === undefined) return new AppendError('lost', 'NATS answered something else');
  return BigInt(seq);
}

function parseAck(msg: Msg): PubAck {
  try {
    return msg.json<PubAck>();
  } catch {
    return {};
  }
}
