import type { AppendResult, LogBounds, LogRecord, LogWriter } from '../event-log.ts';
import { AppendError, LogGenerationError } from '../event-log.ts';
import { encodeLineage, type Lineage } from '../lineage.ts';
import type { SqlEventLogStore } from './sql-event-log-store.ts';

/** Appends to one generation of the SQL log: each call is one transaction that checks the generation. */
export class SqlLogWriter implements LogWriter {
  readonly generationId: string;
  readonly #store: SqlEventLogStore;
  readonly #notifyReaders: () => void;

  constructor(store: SqlEventLogStore, generationId: string, notifyReaders: () => void) {
    this.#store = store;
    this.generationId = generationId;
    this.#notifyReaders = notifyReaders;
  }

  async bounds(): Promise<LogBounds> {
    const bounds = await this.#store.bounds();
    if (bounds.generationId !== this.generationId) throw new LogGenerationError('the event log was recreated');
    return bounds;
  }

  async append(records: readonly LogRecord[]): Promise<AppendResult[]> {
    if (records.length === 0) return [];
    const last = await this.#store.append(this.generationId, records);
    this.#notifyReaders();
    if (last === undefined) return records.map(() => new AppendError('lost', 'the event log was recreated'));
    return records.map((_, index) => last - BigInt(records.length - 1 - index));
  }

  async saveLineage(lineage: Lineage): Promise<void> {
    const saved = await this.#store.saveLineage(this.generationId, encodeLineage(lineage));
    if (!saved) throw new LogGenerationError('the event log was recreated');
  }

  async recreate(): Promise<void> {
    await this.#store.recreate(this.generationId);
    this.#notifyReaders();
  }
}
