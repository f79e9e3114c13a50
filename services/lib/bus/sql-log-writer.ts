import type { Appended, LogBounds, LogRecord, LogWriter } from './event-log.ts';
import { LogChanged, NotAppended } from './event-log.ts';
import { type Lineage, writeLineage } from './lineage.ts';
import type { SqlEventLogStore } from './sql-event-log-store.ts';

/** Appends to one incarnation of the SQL log: each call is one transaction that checks it. */
export class SqlLogWriter implements LogWriter {
  readonly incarnation: string;
  readonly #store: SqlEventLogStore;
  readonly #wake: () => void;

  constructor(store: SqlEventLogStore, incarnation: string, wake: () => void) {
    this.#store = store;
    this.incarnation = incarnation;
    this.#wake = wake;
  }

  async bounds(): Promise<LogBounds> {
    const bounds = await this.#store.bounds();
    if (bounds.incarnation !== this.incarnation) throw new LogChanged('the event log was made anew');
    return bounds;
  }

  async append(records: readonly LogRecord[]): Promise<Appended[]> {
    if (records.length === 0) return [];
    const last = await this.#store.append(this.incarnation, records);
    this.#wake();
    if (last === undefined) return records.map(() => new NotAppended('lost', 'the event log was made anew'));
    return records.map((_, index) => last - BigInt(records.length - 1 - index));
  }

  async describe(lineage: Lineage): Promise<void> {
    const described = await this.#store.describe(this.incarnation, writeLineage(lineage));
    if (!described) throw new LogChanged('the event log was recreated');
  }

  async renew(): Promise<void> {
    await this.#store.renew(this.incarnation);
    this.#wake();
  }
}
