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
}

/** A record with its place in the log. */
export interface LoggedEvent extends LogRecord {
  /** Grows along the log; comparable only within one incarnation. */
  readonly position: bigint;
}

/** Where a log begins and ends. */
export interface LogBounds {
  /** Changes when the log is a new one: created anew, wiped, or restored to an earlier state. */
  readonly incarnation: string;
  /** The position before the first record that is still kept. */
  readonly before: bigint;
  /** The position of the last record; equal to `before` when there is none. */
  readonly last: bigint;
}

/**
 * The log that carries events from the relay to consumers and streams. The relay alone appends. Kept for 72 hours. The
 * adapters heal by themselves: a lost connection is waited out, a log that is gone is made anew (with a new incarnation).
 */
export interface EventLog extends AsyncDisposable {
  /** For people: `NATS JetStream`, `SQL`. */
  readonly name: string;
  /** Where the log begins and ends now. Throws when it cannot be reached. */
  bounds(): Promise<LogBounds>;
  /**
   * Appends the records, pipelined, in order; returns after everything has an answer: per record undefined when it is
   * durable, else the error. Of one session nothing is sent behind a record that failed. An eventId that was appended
   * lately may be dropped by the log; consumers drop repeats anyway.
   */
  append(records: readonly LogRecord[]): Promise<(Error | undefined)[]>;
  /** At most `limit` records behind `after`, in order. Empty at the end. Throws when the log cannot be reached. */
  read(after: bigint, limit: number): Promise<LoggedEvent[]>;
  /**
   * The records behind `after` in order, without gaps, in batches, and then those to come, until the signal aborts (the
   * iterator then ends). Throws when the log was made anew or cannot go on from `after`; call bounds() and begin again.
   */
  tail(after: bigint, signal: AbortSignal): AsyncIterable<LoggedEvent[]>;
  /** Removes what is older than this time; for logs that do not do so by themselves. */
  trim(before: number): Promise<void>;
  /** Whether the log answers now. */
  ping(): Promise<boolean>;
}
