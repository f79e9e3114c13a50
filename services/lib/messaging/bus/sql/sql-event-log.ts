import type { Database } from '../../../db/database.ts';
import { AsyncSignal } from '../../../runtime/async-signal.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { EventLog, LogBounds, LoggedEvent } from '../event-log.ts';
import { LogGenerationError } from '../event-log.ts';
import { SharedLogReaders } from '../log-reader/shared-log-readers.ts';
import { SqlEventLogStore } from './sql-event-log-store.ts';
import { SqlLogWriter } from './sql-log-writer.ts';

export { eventLogMigrations } from './sql-event-log-store.ts';

const POLL_INTERVAL_MS = 200;
const BATCH_SIZE = 256;

/**
 * The event log in the SQL database, for the embedded deployment. Appends of this process wake its readers; they poll for
 * those of other processes.
 */
export function sqlEventLog(db: Database, clock: Clock): EventLog {
  return new SqlEventLog(new SqlEventLogStore(db, clock));
}

class SqlEventLog implements EventLog {
  readonly name = 'SQL';
  readonly isOutsideDatabase = false;
  readonly #store: SqlEventLogStore;
  readonly #signals = new Set<AsyncSignal>();
  readonly #sharedReaders = new SharedLogReaders(this.#tail.bind(this));

  constructor(store: SqlEventLogStore) {
    this.#store = store;
  }

  bounds(): Promise<LogBounds> {
    return this.#store.bounds();
  }

  async writer(): Promise<SqlLogWriter> {
    const { generationId } = await this.#store.bounds();
    return new SqlLogWriter(this.#store, generationId, () => this.#notifyReaders());
  }

  async read(after: bigint, limit: number): Promise<LoggedEvent[]> {
    return (await this.#store.read(after, limit)).records;
  }

  tail(after: bigint, signal: AbortSignal, generationId: string): AsyncIterable<LoggedEvent[]> {
    return this.#sharedReaders.tail(after, signal, generationId);
  }

  /** A reader with queries of its own. */
  async *#tail(after: bigint, signal: AbortSignal, generationId: string): AsyncIterable<LoggedEvent[]> {
    const signalOfTail = new AsyncSignal();
    this.#signals.add(signalOfTail);
    try {
      let position = after;
      while (!signal.aborted) {
        const page = await this.#store.read(position, BATCH_SIZE);
        if (page.generationId !== generationId) throw new LogGenerationError('the event log was recreated');
        const [first] = page.records;
        if (first ? first.position !== position + 1n : page.last !== position)
          throw new LogGenerationError(`the event log does not go on behind ${position}`);
        position = page.records.at(-1)?.position ?? position;
        if (page.records.length > 0) yield page.records;
        else await signalOfTail.wait(POLL_INTERVAL_MS, signal);
      }
    } finally {
      this.#signals.delete(signalOfTail);
    }
  }

  trim(before: number): Promise<void> {
    return this.#store.trim(before);
  }

  /** Only one process: commits trigger its relay directly. */
  notify(): void {}

  onNotify(): Disposable {
    return { [Symbol.dispose]() {} };
  }

  fault(): Promise<string | undefined> {
    return this.#store.bounds().then(
      () => undefined,
      () => 'away',
    );
  }

  /** The code that opened the database closes it. */
  async [Symbol.asyncDispose](): Promise<void> {}

  #notifyReaders(): void {
    for (const signalOfTail of this.#signals) signalOfTail.notify();
  }
}
