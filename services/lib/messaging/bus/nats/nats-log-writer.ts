import { forEachConcurrent, groupValues } from '../../../runtime/concurrency.ts';
import type { AppendResult, LogBounds, LogRecord, LogWriter } from '../event-log.ts';
import { AppendError, LogGenerationError } from '../event-log.ts';
import { encodeLineage, type Lineage } from '../lineage.ts';
import { sessionKey } from '../session-key.ts';
import { encodeHeaders, subjectOf } from './nats-codec.ts';
import type { NatsClient } from './nats-connector.ts';
import type { NatsStream } from './nats-stream.ts';

/** Sessions with a publish under way at the same time. */
const MAX_CONCURRENT_SESSIONS = 256;

/**
 * Appends over one connection to one stream. A server that lost its data has lost the connection too, and a recreated stream
 * has another name, so nothing reaches a log that its owner has not examined.
 */
export class NatsLogWriter implements LogWriter {
  readonly generationId: string;
  readonly #client: NatsClient;
  readonly #stream: NatsStream;

  constructor(client: NatsClient, stream: NatsStream, generationId: string) {
    this.#client = client;
    this.#stream = stream;
    this.generationId = generationId;
  }

  async bounds(): Promise<LogBounds> {
    return this.#stream.bounds(this.#openClient(), this.generationId);
  }

  async saveLineage(lineage: Lineage): Promise<void> {
    await this.#stream.describe(this.#openClient(), this.generationId, encodeLineage(lineage));
  }

  async append(records: readonly LogRecord[]): Promise<AppendResult[]> {
    const results: AppendResult[] = [];
    const sessions = groupValues(records.entries(), ([, record]) => sessionKey(record));
    await forEachConcurrent(sessions, MAX_CONCURRENT_SESSIONS, async (session) => {
      let blocked: AppendError | undefined;
      for (const [index, record] of session) {
        const result: AppendResult = blocked ?? (await this.#publish(record));
        results[index] = result;
        if (result instanceof AppendError && result.reason === 'lost') blocked = result;
        else if (result instanceof AppendError) blocked ??= new AppendError('held', `behind ${record.eventId}`);
      }
    });
    return results;
  }

  async recreate(): Promise<void> {
    await this.#stream.remove(this.#client, this.generationId);
  }

  #openClient(): NatsClient {
    if (this.#client.nc.isClosed()) throw new LogGenerationError('the connection to NATS is closed');
    return this.#client;
  }

  async #publish(record: LogRecord): Promise<AppendResult> {
    try {
      const headers = encodeHeaders(record, this.generationId);
      return await this.#client.publisher.publish(subjectOf(this.#stream.prefix, record), record.payload, headers);
    } catch (error) {
      return new AppendError('refused', error instanceof Error ? error.message : String(error), { cause: error });
    }
  }
}
