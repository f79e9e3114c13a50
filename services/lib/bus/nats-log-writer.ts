import { ErrorCode, NatsError } from 'nats';
import { groupBy, inLanes } from '../lanes.ts';
import type { Appended, LogBounds, LogRecord, LogWriter } from './event-log.ts';
import { LogChanged, NotAppended } from './event-log.ts';
import { type NatsLink, REQUEST_MS } from './nats-link.ts';
import { headersOf, subjectOf } from './nats-record.ts';
import { errorCodeOf, type NatsStream } from './nats-stream.ts';
import { sessionKey } from './session-key.ts';

/** Sessions with a publish under way at the same time. */
const IN_FLIGHT = 256;
const OTHER_STREAM = 10060;
const UNSENDABLE = new Set<string>([ErrorCode.MaxPayloadExceeded, ErrorCode.BadSubject, ErrorCode.BadHeader]);

/**
 * Appends over one connection to one stream. A server that lost its data has lost the connection too, and a stream that was
 * made anew has another name, so nothing reaches a log that its owner has not seen.
 */
export class NatsLogWriter implements LogWriter {
  readonly incarnation: string;
  readonly #link: NatsLink;
  readonly #stream: NatsStream;

  constructor(link: NatsLink, stream: NatsStream, incarnation: string) {
    this.#link = link;
    this.#stream = stream;
    this.incarnation = incarnation;
  }

  async bounds(): Promise<LogBounds> {
    if (this.#link.nc.isClosed()) throw new LogChanged('the connection to NATS was lost');
    return this.#stream.bounds(this.#link, this.incarnation);
  }

  async append(records: readonly LogRecord[]): Promise<Appended[]> {
    const results: Appended[] = [];
    const sessions = groupBy(records.entries(), ([, record]) => sessionKey(record));
    await inLanes(sessions, IN_FLIGHT, async (session) => {
      let held: NotAppended | undefined;
      for (const [index, record] of session) {
        const result: Appended = held ?? (await this.#publish(record));
        results[index] = result;
        if (result instanceof NotAppended && result.why === 'lost') held = result;
        else if (result instanceof NotAppended) held ??= new NotAppended('held', `behind ${record.eventId}`);
      }
    });
    return results;
  }

  async renew(): Promise<void> {
    await this.#stream.remove(this.#link, this.incarnation);
  }

  async #publish(record: LogRecord): Promise<Appended> {
    try {
      const ack = await this.#link.js.publish(subjectOf(this.#stream.prefix, record), record.payload, {
        msgID: record.eventId,
        headers: headersOf(record),
        expect: { streamName: this.incarnation },
        timeout: REQUEST_MS,
      });
      return BigInt(ack.seq);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return new NotAppended(isRefusal(error) ? 'refused' : 'lost', message, { cause: error });
    }
  }
}

/** Whether it is about this record. Without an answer of the stream, only a record that cannot be sent at all is. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof NatsError)) return true;
  if (error.api_error) return errorCodeOf(error) !== OTHER_STREAM;
  return UNSENDABLE.has(error.code);
}
