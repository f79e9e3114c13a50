import { Bell } from '../bell.ts';
import type { Clock } from '../clock.ts';
import type { Database } from '../db/database.ts';
import type { EventLog, LogBounds, LoggedEvent } from './event-log.ts';
import { LogChanged } from './event-log.ts';
import { SharedTails } from './shared-tails.ts';
import { SqlEventLogStore } from './sql-event-log-store.ts';
import { SqlLogWriter } from './sql-log-writer.ts';

export { eventLogMigrations } from './sql-event-log-store.ts';

const POLL_MS = 200;
const BATCH = 256;

/**
 * The event log in the SQL database, for the embedded way to run. Appends of this process wake its tails; a poll finds
 * those of others.
 */
export function sqlEventLog(db: Database, clock: Clock): EventLog {
  return new SqlEventLog(new SqlEventLogStore(db, clock));
}

class SqlEventLog implements EventLog {
  readonly name = 'SQL';
  readonly apart = false;
  readonly #store: SqlEventLogStore;
  readonly #bells = new Set<Bell>();
  readonly #tails = new SharedTails(this.#tail.bind(this));

  constructor(store: SqlEventLogStore) {
    this.#store = store;
  }

  bounds(): Promise<LogBounds> {
    return this.#store.bounds();
  }

  async writer(): Promise<SqlLogWriter> {
    const { incarnation } = await this.#store.bounds();
    return new SqlLogWriter(this.#store, incarnation, () => this.#wake());
  }

  async read(after: bigint, limit: number): Promise<LoggedEvent[]> {
    return (await this.#store.read(after, limit)).records;
  }

  tail(after: bigint, signal: AbortSignal, incarnation: string): AsyncIterable<LoggedEvent[]> {
    return this.#tails.tail(after, signal, incarnation);
  }

  /** A tail with statements of its own. */
  async *#tail(after: bigint, signal: AbortSignal, incarnation: string): AsyncIterable<LoggedEvent[]> {
    const bell = new Bell();
    this.#bells.add(bell);
    try {
      let at = after;
      while (!signal.aborted) {
        const page = await this.#store.read(at, BATCH);
        if (page.incarnation !== incarnation) throw new LogChanged('the event log was made anew');
        const [first] = page.records;
        if (first ? first.position !== at + 1n : page.last !== at)
          throw new LogChanged(`the event log does not go on behind ${at}`);
        at = page.records.at(-1)?.position ?? at;
        if (page.records.length > 0) yield page.records;
        else await bell.wait(POLL_MS, signal);
      }
    } finally {
      this.#bells.delete(bell);
    }
  }

  trim(before: number): Promise<void> {
    return this.#store.trim(before);
  }

  /** One process: the relay hears of every commit by itself. */
  ring(): void {}

  onRing(): Disposable {
    return { [Symbol.dispose]() {} };
  }

  fault(): Promise<string | undefined> {
    return this.#store.bounds().then(
      () => undefined,
      () => 'away',
    );
  }

  /** The database is closed by who opened it. */
  async [Symbol.asyncDispose](): Promise<void> {}

  #wake(): void {
    for (const bell of this.#bells) bell.ring();
  }
}
