import type { Lineage } from './lineage.ts';

/** An event on its way through the log. `payload` is an autosession.event.v1.Event in binary. */
export interface LogRecord {
  readonly eventId: string;
  readonly tenant: string;
  /** session, task-dispatch, message-analysis, handover. */
  readonly source: string;
  /** Events keep their order per session. */
  readonly sessionId: string;
  /** From 1, without gaps, per (source, session). */
  readonly sourceSeq: number;
  /** The name of the event's payload: session_created, task_changed, … */
  readonly type: string;
  readonly payload: Uint8Array;
  /** The order at its first publication, if that was in an earlier generation of the log: see lineage.ts. */
  readonly order?: bigint;
}

/** A record with its position in the log. */
export interface LoggedEvent extends LogRecord {
  /** Grows along the log; comparable only within one generation. */
  readonly position: bigint;
}

/** The bounds of a log. */
export interface LogBounds {
  /** Changes when the log is recreated: after it was lost, wiped, or restored to an earlier state. */
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
 * was `lost` meanwhile: then it is unknown whether the log has the record.
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

/** The log has another generation than the reader or writer began with, or no longer has its position. Start again. */
export class LogGenerationError extends Error {}

/**
 * Appends to one generation of the log, for the relay. As soon as the log may have been replaced or restored (it was recreated,
 * or the connection was lost), all calls fail, and a new writer must be opened. So what its owner knows about the log holds for
 * everything that it appends.
 */
export interface LogWriter {
  readonly generationId: string;
  /** The current bounds of the log. Throws when the writer has ended. */
  bounds(): Promise<LogBounds>;
  /**
   * Appends the records, pipelined across sessions, in order within one: a record is sent when the one before it in its
   * session is durable. Returns all results in the order of `records`. An eventId that was appended
   * recently may be dropped by the log, as a success; consumers drop repeats anyway.
   */
  append(records: readonly LogRecord[]): Promise<AppendResult[]>;
  /** Writes the lineage to the log. Throws when the writer has ended. */
  saveLineage(lineage: Lineage): Promise<void>;
  /** Deletes the log; an empty one of another generation replaces it. Ends the writer. */
  recreate(): Promise<void>;
}

/**
 * The log that carries events from the relay to consumers and streams. Kept for 72 hours. The adapters recover by themselves: they
 * reconnect, and recreate a log that no longer exists, with a new generation.
 */
export interface EventLog extends AsyncDisposable {
  /** For people: `NATS JetStream`, `SQL`. */
  readonly name: string;
  /** Whether it is stored apart from the database: then each can be lost or restored without the other. */
  readonly isOutsideDatabase: boolean;
  /** The current bounds of the log. Throws when it cannot be reached. */
  bounds(): Promise<LogBounds>;
  /** A writer for the current generation; for the relay only. Throws when the log cannot be reached. */
  writer(): Promise<LogWriter>;
  /** At most `limit` records behind `after`, in order. Empty at the end. Throws when the log cannot be reached. */
  read(after: bigint, limit: number): Promise<LoggedEvent[]>;
  /**
   * The records behind `after` in order, without gaps, in batches, and then those to come, until the signal aborts (the
   * iterator then ends). Throws LogGenerationError when the log has another generation, or cannot continue
   * from `after` without a gap; call bounds() and start again. The readers of a process share the records: never change one.
   */
  tail(after: bigint, signal: AbortSignal, generationId: string): AsyncIterable<LoggedEvent[]>;
  /** Notifies the relay of another process that records wait. Cheap, and may be lost: the relay polls too. */
  notify(): void;
  /** Calls `hook` at notifications of other processes, from the next use of the log on. */
  onNotify(hook: () => void): Disposable;
  /** Removes older records; for logs that do not expire them by themselves. */
  trim(before: number): Promise<void>;
  /** Why the log does not answer now; undefined when it does. Never throws. */
  fault(): Promise<string | undefined>;
}
