import type { Lineage } from './lineage.ts';

/** An event on its way through the log. `payload` is an autosession.event.v1.Event in binary. */
export interface LogRecord {
  readonly eventId: string;
  readonly tenant: string;
  /** session, task-dispatch, message-analysis, handover. */
  readonly source: string;
  /** What the order is kept for. */
  readonly sessionId: string;
  /** From 1, without gaps, per (source, session). */
  readonly sourceSeq: number;
  /** The name of the event's payload: session_created, task_changed, … */
  readonly type: string;
  readonly payload: Uint8Array;
  /** The order at its first publication, if that was in an earlier generation of the log: see lineage.ts. */
  readonly order?: bigint;
}

/** A record with its place in the log. */
export interface LoggedEvent extends LogRecord {
  /** Grows along the log; comparable only within one incarnation. */
  readonly position: bigint;
}

/** Where a log begins and ends. */
export interface LogBounds {
  /** Changes when the log is a new one: created anew, wiped, or renewed after it was restored to an earlier state. */
  readonly generationId: string;
  /** The position before the first record that is still kept. */
  readonly before: bigint;
  /** The position of the last record; equal to `before` when there is none. */
  readonly last: bigint;
  /** The earlier generations; undefined until the relay has written them. */
  readonly lineage?: Lineage;
}

/**
 * Why a record was not appended: the log `refused` it, it was `held` back behind a refused one of its session, or the log
 * was `lost` on the way, which says nothing about the record: it may even be in the log.
 */
export class AppendError extends Error {
  readonly reason: 'refused' | 'held' | 'lost';

  constructor(reason: AppendError['reason'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** The position of a record that is durable now, or why it is not. */
export type AppendResult = bigint | AppendError;

/** The log is another one than the reader or writer began with, or does not reach back to where it was. Begin again. */
export class LogGenerationError extends Error {}

/**
 * The relay's way into one log. It never reaches another one: as soon as the log may have been replaced or restored (it was
 * made anew, the connection was lost), everything fails for good and a new writer has to be had. So what its owner found
 * out about the log stays true of whatever it appends.
 */
export interface LogWriter {
  readonly generationId: string;
  /** Where the log begins and ends now. Throws when the writer has ended. */
  bounds(): Promise<LogBounds>;
  /**
   * Appends the records, pipelined across sessions, in order within one: a record is sent when the one before it in its
   * session is durable. Returns when everything has an answer, in the order of `records`. An eventId that was appended
   * lately may be dropped by the log, as a success; consumers drop repeats anyway.
   */
  append(records: readonly LogRecord[]): Promise<AppendResult[]>;
  /** Writes the lineage to the log. Throws when the writer has ended. */
  saveLineage(lineage: Lineage): Promise<void>;
  /** Throws the log away; an empty one of another incarnation takes its place. Ends the writer. */
  recreate(): Promise<void>;
}

/**
 * The log that carries events from the relay to consumers and streams. Kept for 72 hours. The adapters heal by themselves:
 * a lost connection is made again, a log that is gone is made anew (with a new incarnation).
 */
export interface EventLog extends AsyncDisposable {
  /** For people: `NATS JetStream`, `SQL`. */
  readonly name: string;
  /** Whether it is stored apart from the database: then each can be lost or restored without the other. */
  readonly isOutsideDatabase: boolean;
  /** Where the log begins and ends now. Throws when it cannot be reached. */
  bounds(): Promise<LogBounds>;
  /** A way to append to the log as it is now; for the relay alone. Throws when the log cannot be reached. */
  writer(): Promise<LogWriter>;
  /** At most `limit` records behind `after`, in order. Empty at the end. Throws when the log cannot be reached. */
  read(after: bigint, limit: number): Promise<LoggedEvent[]>;
  /**
   * The records behind `after` in order, without gaps, in batches, and then those to come, until the signal aborts (the
   * iterator then ends). Throws LogChanged when the log was made anew, is not `incarnation`, or cannot go on
   * from `after` without a gap; call bounds() and begin again. The tails of a process share their records: read them only.
   */
  tail(after: bigint, signal: AbortSignal, generationId: string): AsyncIterable<LoggedEvent[]>;
  /** Tells the relay of another process that records wait for it. Costs next to nothing and may be lost: the relay polls too. */
  notify(): void;
  /** Calls `hook` at the rings of other processes, from the next use of the log on. */
  onNotify(hook: () => void): Disposable;
  /** Removes what is older than this time; for logs that do not do so by themselves. */
  trim(before: number): Promise<void>;
  /** Why the log does not answer now; undefined when it does. Never throws. */
  fault(): Promise<string | undefined>;
}
