import { groupBy, inLanes } from '../lanes.ts';
import type { Appended, LogBounds, LogRecord, LogWriter } from './event-log.ts';
import { LogChanged, NotAppended } from './event-log.ts';
import { type Lineage, writeLineage } from './lineage.ts';
import type { NatsLink } from './nats-link.ts';
import { headersOf, subjectOf } from './nats-record.ts';
import type { NatsStream } from './nats-stream.ts';
import { sessionKey } from './session-key.ts';

/** Sessions with a publish under way at the same time. */
const IN_FLIGHT = 256;

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
    return this.#stream.bounds(this.#opened(), this.incarnation);
  }

  async describe(lineage: Lineage): Promise<void> {
    await this.#stream.describe(this.#opened(), this.incarnation, writeLineage(lineage));
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

  #opened(): NatsLink {
    if (this.#link.nc.isClosed()) throw new LogChanged('the connection to NATS is closed');
    return this.#link;
  }

  async #publish(record: LogRecord): Promise<Appended> {
    try {
      const headers = headersOf(record, this.incarnation);
      return await this.#link.publisher.publish(subjectOf(this.#stream.prefix, record), record.payload, headers);
    } catch (error) {
      return new NotAppended('refused', error instanceof Error ? error.message : String(error), { cause: error });
    }
  }
}
