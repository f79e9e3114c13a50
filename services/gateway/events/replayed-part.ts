import type { EventLog, LoggedEvent } from '../../lib/messaging/bus/event-log.ts';
import type { Cursor } from './cursor.ts';

const PAGE_SIZE = 500;
/** 16 MiB in memory; streams read the records beyond it themselves. */
const MAX_RECORDS = 1_000_000;

/**
 * The replayed part of a generation of the log: a stream with a cursor of an earlier generation skips the records that its
 * client has seen. It is read once for all streams of the process.
 */
export class ReplayedPart {
  readonly generationId: string;
  readonly #log: EventLog;
  /** Per record: its position, and the highest order up to and including it. */
  readonly #positions: number[] = [];
  readonly #highest: number[] = [];
  /** The position after which to continue reading. */
  #readTo: bigint;
  #complete = false;
  #reading: Promise<void> | undefined;

  constructor(log: EventLog, generationId: string, before: bigint) {
    this.#log = log;
    this.generationId = generationId;
    this.#readTo = before;
  }

  /** Skips the records that the client has seen, as far as the log reaches now. Throws when the log cannot be reached. */
  async skipSeen(cursor: Cursor & { readonly seen: bigint }): Promise<Cursor> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
    const position = BigInt(this.#positions[this.#firstUnseen(Number(cursor.seen)) - 1] ?? 0);
    return position > cursor.position ? { ...cursor, position } : cursor;
  }

  async #read(): Promise<void> {
    while (!this.#complete) {
      const records = await this.#log.read(this.#readTo, PAGE_SIZE);
      if ((await this.#log.bounds()).generationId !== this.generationId) this.#complete = true;
      else this.#add(records);
      if (records.length < PAGE_SIZE) return;
    }
  }

  #add(records: readonly LoggedEvent[]): void {
    for (const { position, order } of records) {
      if (order === undefined || this.#positions.length >= MAX_RECORDS) {
        this.#complete = true;
        return;
      }
      this.#positions.push(Number(position));
      this.#highest.push(Math.max(Number(order), this.#highest.at(-1) ?? 0));
      this.#readTo = position;
    }
  }

  /** The index of the first record whose order is above `seen`. */
  #firstUnseen(seen: number): number {
    let low = 0;
    let high = this.#highest.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#highest[middle] ?? 0) > seen) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
